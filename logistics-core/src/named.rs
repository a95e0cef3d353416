//! Enums whose variants have names, each from one list: no array and no name can miss a variant.

/// Declares an enum, its constant `ALL`, the method that gives each variant its name, and `Display`, which shows the name.
macro_rules! named {
    (
        $(#[$meta:meta])*
        pub enum $type:ident {
            $($(#[$doc:meta])* $variant:ident => $name:literal,)+
        }
        $(#[$name_doc:meta])*
        pub fn $method:ident;
    ) => {
        $(#[$meta])*
        pub enum $type {
            $($(#[$doc])* $variant,)+
        }

        impl $type {
            /// Every variant, in the order of the declaration.
            pub const ALL: [$type; [$($name),+].len()] = [$($type::$variant),+];

            $(#[$name_doc])*
            #[must_use]
            pub fn $method(self) -> &'static str {
                match self {
                    $($type::$variant => $name,)+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.$method())
            }
        }
    };
}

pub(crate) use named;

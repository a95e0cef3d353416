//! Enums whose variants have names, each from one list: no array and no name can miss a variant.

/// Declares an enum, its constant `ALL`, the method that gives each variant its name, and `Display`, which shows the name.
/// A variant with `if "feature"` behind its name exists only with that feature.
macro_rules! named {
    (
        $(#[$meta:meta])*
        pub enum $type:ident {
            $($(#[$doc:meta])* $variant:ident => $name:literal $(if $feature:literal)?,)+
        }
        $(#[$name_doc:meta])*
        pub fn $method:ident;
    ) => {
        $(#[$meta])*
        pub enum $type {
            $($(#[$doc])* $(#[cfg(feature = $feature)])? $variant,)+
        }

        impl $type {
            /// Every variant, in the order of the declaration.
            pub const ALL: [$type; [$($(#[cfg(feature = $feature)])? $name),+].len()] =
                [$($(#[cfg(feature = $feature)])? $type::$variant),+];

            $(#[$name_doc])*
            #[must_use]
            pub fn $method(self) -> &'static str {
                match self {
                    $($(#[cfg(feature = $feature)])? $type::$variant => $name,)+
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

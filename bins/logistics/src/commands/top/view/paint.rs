//! Styles: colours, or where `NO_COLOR` is set, bold and reversed text only.

use ratatui::style::{Color, Modifier, Style};

/// The styles of the view.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Paint {
    has_colour: bool,
}

impl Paint {
    /// Colours unless `NO_COLOR` is set (<https://no-color.org>).
    pub(in super::super) fn of_environment() -> Self {
        Self { has_colour: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) }
    }

    #[cfg(test)]
    pub(super) fn new(has_colour: bool) -> Self {
        Self { has_colour }
    }

    pub(super) fn title(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Column titles and the keys.
    pub(super) fn faint(self) -> Style {
        if self.has_colour { Style::new().fg(Color::DarkGray) } else { Style::new() }
    }

    pub(super) fn good(self) -> Style {
        self.coloured(Color::Green)
    }

    pub(super) fn warning(self) -> Style {
        self.coloured(Color::Yellow)
    }

    /// Also visible without colours.
    pub(super) fn bad(self) -> Style {
        if self.has_colour {
            self.coloured(Color::Red)
        } else {
            self.title().add_modifier(Modifier::REVERSED)
        }
    }

    fn coloured(self, colour: Color) -> Style {
        if self.has_colour { self.title().fg(colour) } else { self.title() }
    }
}

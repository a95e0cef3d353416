//! The terminal, and its state before and after.

use std::io;

use logistics_cli_kit::{Failure, output};
use ratatui::{DefaultTerminal, Frame};

use super::view::WIDTH_DEFAULT;

/// The terminal in its second screen, without echo. Dropping it restores the terminal; a panic restores it before its message.
pub(super) struct Screen(DefaultTerminal);

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// If standard output is no terminal that can be controlled.
    pub(super) fn open() -> Result<Self, Failure> {
        ratatui::try_init().map(Self).map_err(|error| {
            // It may have failed halfway.
            let _ = ratatui::try_restore();
            unusable(&error)
        })
    }

    /// Draws a frame.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> Result<(), Failure> {
        self.0.draw(draw).map(|_| ()).map_err(|error| unusable(&error))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.0.show_cursor();
        let _ = ratatui::try_restore();
    }
}

/// The error of a terminal that cannot be used.
pub(super) fn unusable(error: &io::Error) -> Failure {
    Failure::usage(format!("cannot use the terminal: {error}; --once prints one view"))
}

/// The columns of standard output.
pub(super) fn width() -> u16 {
    let size = if output::is_terminal() { ratatui::crossterm::terminal::size().ok() } else { None };
    size.map_or(WIDTH_DEFAULT, |(columns, _)| columns)
}

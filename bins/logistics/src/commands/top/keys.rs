//! The keyboard.

use std::io;
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc::{Receiver, channel};

use super::view::Action;

/// How often the thread checks whether the view still exists.
const CHECK: Duration = Duration::from_millis(100);
/// Keys that are not applied yet. More wait in the terminal.
const KEYS_MAX: usize = 64;

/// What the terminal reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    Quit,
    Act(Action),
    /// The size changed, or the key has no meaning.
    Redraw,
}

/// Starts the thread that reads the terminal. An error is the last item. The thread ends when the receiver is dropped.
///
/// # Errors
/// If the system starts no thread.
pub(super) fn listen() -> io::Result<Receiver<io::Result<Input>>> {
    let (sender, keys) = channel(KEYS_MAX);
    std::thread::Builder::new().name("keys".to_owned()).spawn(move || {
        while !sender.is_closed() {
            let input = match event::poll(CHECK) {
                Ok(false) => continue,
                Ok(true) => event::read().map(|event| input(&event)),
                Err(error) => Err(error),
            };
            let failed = input.is_err();
            if sender.blocking_send(input).is_err() || failed {
                return;
            }
        }
    })?;
    Ok(keys)
}

fn input(event: &Event) -> Input {
    let Event::Key(KeyEvent { code, modifiers, kind, .. }) = event else { return Input::Redraw };
    if *kind == KeyEventKind::Release {
        return Input::Redraw;
    }
    let is_control = modifiers.contains(KeyModifiers::CONTROL);
    match code {
        // In this mode of the terminal, Ctrl-C is a key and no signal.
        KeyCode::Char('c' | 'd') if is_control => Input::Quit,
        KeyCode::Char(_) if is_control => Input::Redraw,
        KeyCode::Char('q') | KeyCode::Esc => Input::Quit,
        KeyCode::Up | KeyCode::Char('k') => Input::Act(Action::Up),
        KeyCode::Down | KeyCode::Char('j') => Input::Act(Action::Down),
        KeyCode::PageUp => Input::Act(Action::PageUp),
        KeyCode::PageDown | KeyCode::Char(' ') => Input::Act(Action::PageDown),
        KeyCode::Home | KeyCode::Char('g') => Input::Act(Action::Top),
        KeyCode::Char('s') => Input::Act(Action::Sort),
        KeyCode::Char('a') => Input::Act(Action::All),
        KeyCode::Char('p') => Input::Act(Action::Pause),
        KeyCode::Char('?' | 'h') => Input::Act(Action::Help),
        _ => Input::Redraw,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_their_actions() {
        let key = |code, modifiers| input(&Event::Key(KeyEvent::new(code, modifiers)));
        for code in [KeyCode::Char('q'), KeyCode::Esc] {
            assert_eq!(key(code, KeyModifiers::NONE), Input::Quit);
        }
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Input::Quit);
        assert_eq!(key(KeyCode::Char('s'), KeyModifiers::CONTROL), Input::Redraw);
        assert_eq!(key(KeyCode::Char('s'), KeyModifiers::NONE), Input::Act(Action::Sort));
        assert_eq!(key(KeyCode::PageDown, KeyModifiers::NONE), Input::Act(Action::PageDown));
        assert_eq!(key(KeyCode::Char('?'), KeyModifiers::SHIFT), Input::Act(Action::Help));
        assert_eq!(input(&Event::Resize(10, 10)), Input::Redraw);
    }
}

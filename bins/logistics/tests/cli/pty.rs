//! A program on a real terminal: a pseudo-terminal, and the screen that it draws.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::support::{logistics, until};

/// The terminal and the program on it. Dropping it kills the program.
pub(crate) struct Pty {
    child: Child,
    controller: File,
    /// The program's side. Open in the test, so that the state of the terminal can be read after the program's end.
    terminal: OwnedFd,
    screen: Arc<Mutex<vt100::Parser>>,
    modes: LocalModes,
}

impl Pty {
    /// Starts the binary as the leader of a session with this terminal.
    pub(crate) fn spawn(args: &[&str], columns: u16, rows: u16, env: &[(&str, &str)]) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&controller).and_then(|()| unlockpt(&controller)).expect("a terminal of this user");
        let name = ptsname(&controller, Vec::new()).expect("its name");
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
        let path = std::path::Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()));
        let terminal = rustix::fs::open(path, flags, rustix::fs::Mode::empty()).expect("its other side");
        tcsetwinsize(&controller, size(columns, rows)).expect("a size");
        let modes = tcgetattr(&terminal).expect("its modes").local_modes;

        let program = logistics(args);
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg("--wait").arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR").envs(env.iter().copied());
        let side = || Stdio::from(terminal.try_clone().expect("a second handle"));
        let child = command.stdin(side()).stdout(side()).stderr(side()).spawn().expect("setsid exists");

        let controller = File::from(controller);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(cells(rows), cells(columns), 0)));
        let (mut reader, drawn) = (controller.try_clone().expect("a second handle"), screen.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                drawn.lock().expect("no panic").process(&buffer[..read]);
            }
        });
        Self { child, controller, terminal, screen, modes }
    }

    /// Types these bytes.
    pub(crate) fn keys(&mut self, bytes: &str) {
        self.controller.write_all(bytes.as_bytes()).expect("the terminal reads");
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.screen.lock().expect("no panic").screen_mut().set_size(cells(rows), cells(columns));
        tcsetwinsize(&self.controller, size(columns, rows)).expect("a size");
    }

    /// The text on the screen.
    pub(crate) fn text(&self) -> String {
        self.screen.lock().expect("no panic").screen().contents()
    }

    /// Waits until the screen contains a text, and returns the screen.
    pub(crate) fn shows(&self, text: &str) -> String {
        until(&format!("the screen shows {text:?}"), || {
            let shown = self.text();
            shown.contains(text).then_some(shown)
        })
    }

    /// Whether a cell of the screen has a colour.
    pub(crate) fn has_colour(&self) -> bool {
        let parser = self.screen.lock().expect("no panic");
        let (rows, columns) = parser.screen().size();
        let cells = (0..rows.get()).flat_map(|row| (0..columns.get()).map(move |column| (row, column)));
        cells
            .filter_map(|(row, column)| parser.screen().cell(row, column))
            .any(|cell| cell.fgcolor() != vt100::Color::Default)
    }

    /// Whether the terminal is in the state of a full-screen program.
    pub(crate) fn is_taken(&self) -> bool {
        let is_raw = tcgetattr(&self.terminal).expect("its modes").local_modes != self.modes;
        let parser = self.screen.lock().expect("no panic");
        is_raw && parser.screen().alternate_screen()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent =
            Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill exists");
        assert!(sent.success(), "the process runs");
    }

    /// Waits for the end, asserts that the terminal is as it was before, and returns the status.
    pub(crate) fn restored(mut self) -> ExitStatus {
        let status = until("the program ends", || self.child.try_wait().expect("it can be waited for"));
        let modes = tcgetattr(&self.terminal).expect("its modes").local_modes;
        assert_eq!(modes, self.modes, "echo and lines");
        until("the first screen is back, with a cursor", || {
            let parser = self.screen.lock().expect("no panic");
            (!parser.screen().alternate_screen() && !parser.screen().hide_cursor()).then_some(())
        });
        status
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).expect("a size of at least one cell")
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 }
}

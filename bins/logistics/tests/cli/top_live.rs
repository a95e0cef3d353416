//! `logistics top` on a real terminal.

use super::TestServer;
use super::metrics_server::{MetricsServer, processor};
use super::pty::Pty;
use super::support::until;

fn top(metrics: &str, env: &[(&str, &str)]) -> Pty {
    let args = ["top", "--interval", "100ms", "--url", "http://127.0.0.1:9", "--metrics", metrics];
    Pty::spawn(&args, 80, 24, env)
}

#[test]
fn it_shows_the_partitions_follows_them_and_q_restores_the_terminal() {
    let server = MetricsServer::start(&processor("proc-a", 3, "live"));
    let mut terminal = top(&server.url, &[]);
    terminal.shows("Is every order moving? yes");
    let screen = terminal.shows("Partitions (3)");
    assert!(screen.contains("1 of 1 processes answer") && screen.contains("proc-a"), "{screen}");
    assert!(terminal.is_taken());
    server.set(&processor("proc-a", 3, "halted"));
    terminal.shows("Is every order moving? NO: partition 2 is halted on proc-a");
    until("it has a colour", || terminal.has_colour().then_some(()));
    terminal.keys("?");
    terminal.shows("scroll by a page");
    terminal.keys("?s");
    terminal.shows("sort: partition");
    terminal.keys("q");
    assert_eq!(terminal.restored().code(), Some(0));
}

#[test]
fn a_pause_holds_the_numbers() {
    let server = MetricsServer::start(&processor("proc-a", 1, "live"));
    let mut terminal = top(&server.url, &[]);
    terminal.shows("moving? yes");
    terminal.keys("p");
    terminal.shows("PAUSED");
    server.set(&processor("proc-a", 1, "halted"));
    let scrapes = server.heads().len();
    until("two more scrapes", || (server.heads().len() > scrapes + 2).then_some(()));
    assert!(terminal.text().contains("moving? yes"));
    terminal.keys("p");
    terminal.shows("moving? NO");
    // Ctrl-C, which is a key in this mode.
    terminal.keys("\u{3}");
    assert_eq!(terminal.restored().code(), Some(0));
}

#[test]
fn it_follows_the_size_of_the_terminal() {
    let server = MetricsServer::start(&processor("a-process-with-quite-a-long-name-of-its-own", 40, "live"));
    let mut terminal = top(&server.url, &[]);
    terminal.shows("and 30 more");
    terminal.resize(160, 50);
    terminal.shows("a-process-with-quite-a-long-name-of-its-own");
    terminal.keys("a");
    terminal.shows("\n  39  live");
    terminal.resize(20, 5);
    until("it is drawn in 5 lines", || {
        let text = terminal.text();
        (text.lines().count() == 5 && text.starts_with("logistics top")).then_some(())
    });
    terminal.keys("q");
    assert_eq!(terminal.restored().code(), Some(0));
}

#[test]
fn every_signal_restores_the_terminal() {
    let server = MetricsServer::start(&processor("proc-a", 1, "live"));
    for signal in ["-TERM", "-INT", "-HUP", "-QUIT"] {
        let terminal = top(&server.url, &[]);
        terminal.shows("moving? yes");
        assert!(terminal.is_taken());
        terminal.signal(signal);
        assert_eq!(terminal.restored().code(), Some(0), "{signal}");
    }
}

#[test]
fn no_color_is_respected() {
    let server = MetricsServer::start(&processor("proc-a", 1, "halted"));
    let mut terminal = top(&server.url, &[("NO_COLOR", "1")]);
    terminal.shows("moving? NO");
    assert!(!terminal.has_colour());
    terminal.keys("\u{1b}");
    assert_eq!(terminal.restored().code(), Some(0));
}

#[test]
fn a_real_server_is_shown_and_its_end_too() {
    let server = TestServer::start();
    let mut terminal = Pty::spawn(&["top", "--interval", "100ms", "--url", &server.url], 80, 24, &[]);
    terminal.shows("Is every order moving? yes");
    let screen = terminal.shows("Partitions (");
    assert!(screen.contains("live"), "{screen}");
    server.placed("1");
    terminal.keys("\u{1b}[6~");
    until("the order is counted", || {
        terminal.text().lines().any(|line| line.split_whitespace().take(2).eq(["PLACED", "1"])).then_some(())
    });
    server.stop();
    terminal.shows("0 of 1 processes answer");
    terminal.shows("is down: cannot reach");
    terminal.keys("q");
    assert_eq!(terminal.restored().code(), Some(0));
}

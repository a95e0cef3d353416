//! A service as a process, and the checks that every service must pass. A failed check panics.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::get;

/// How long a test waits for a condition.
const PATIENCE: Duration = Duration::from_secs(60);
/// The time limit of the drain after SIGTERM.
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// An address without a listener.
const NOWHERE: &str = "127.0.0.1:1";
/// A secret that no output may contain.
const SECRET: &str = "hunter2-of-the-test";

/// Settings from the environment.
pub type Environment<'a> = &'a [(&'a str, &'a str)];

/// The binary of a service.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    name: &'static str,
    binary: &'static str,
}

/// The output and the exit code of a command.
#[derive(Debug)]
pub struct ProcessOutput {
    /// Its exit code.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Service {
    /// The service of this name, and the path of its binary.
    #[must_use]
    pub const fn new(name: &'static str, binary: &'static str) -> Self {
        Self { name, binary }
    }

    /// Runs it to its end.
    #[must_use]
    pub fn run(&self, args: &[&str], environment: Environment<'_>) -> ProcessOutput {
        let output = self.command(args, environment).output().expect("the binary starts");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        ProcessOutput { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Checks that the help lists exactly these flags, each with its variable and its default, if it has one.
    pub fn explains(&self, flags: &[(&str, &str)]) {
        let output = self.run(&["--help"], &[]);
        assert_eq!((output.code, &*output.err), (Some(0), ""));
        let explained = explained(&output.out);
        let there: BTreeSet<_> = explained.keys().map(String::as_str).collect();
        let expected: BTreeSet<_> =
            flags.iter().map(|(flag, _)| *flag).chain(["--help", "--version"]).collect();
        assert_eq!(there, expected);
        for (flag, default) in flags {
            let text = &explained[*flag];
            let variable =
                format!("LOGISTICS_{}", flag.trim_start_matches("--").replace('-', "_").to_uppercase());
            assert!(
                text.contains(&format!("[env: {variable}=")) || text.contains(&format!("[env: {variable}]")),
                "{text}"
            );
            assert!(default.is_empty() || text.contains(&format!("[default: {default}")), "{flag}: {text}");
        }
    }

    /// Checks that it does not start with these settings, and that its one-sentence error contains these parts.
    pub fn refuses(&self, args: &[&str], environment: Environment<'_>, parts: &[&str]) {
        let output = self.run(&[&["--listen", "127.0.0.1:0"], args].concat(), environment);
        assert_eq!(output.code, Some(2), "{args:?}: {output:?}");
        let sentence = output.err.strip_prefix(&format!("{}: ", self.name)).unwrap_or_default();
        assert_eq!(sentence.lines().count(), 1, "{args:?}: {output:?}");
        for part in parts {
            assert!(sentence.contains(part), "{args:?}: {part:?} is missing: {sentence}");
        }
    }

    /// Checks the invalid settings that every service must refuse.
    pub fn refuses_what_is_no_setting(&self) {
        self.refuses(&[], &[("LOGISTICS_FOO", "1")], &["there is no setting LOGISTICS_FOO"]);
        self.refuses(&["--foo"], &[], &["--foo"]);
        self.refuses(&["--partitions", "0"], &[], &["--partitions", "0", "1..=1024"]);
        self.refuses(&[], &[("LOGISTICS_PARTITIONS", "many")], &["many", "--partitions"]);
        self.refuses(&["--kafka-brokers", "there"], &[], &["--kafka-brokers", "is no broker such as"]);
        self.refuses(&["--kafka-session-timeout", "soon"], &[], &["soon", "no span of time"]);
        self.refuses(&["--log-format", "xml"], &[], &["xml", "human, json"]);
        let password = [("LOGISTICS_KAFKA_SASL_PASSWORD", SECRET)];
        self.refuses(
            &[],
            &password,
            &["--kafka-sasl-password needs --kafka-security-protocol sasl_plaintext"],
        );
        let output = self.run(&[], &password);
        assert!(!output.err.contains(SECRET), "{output:?}");
    }

    /// Checks that the service without a broker and a store is live and not ready, names the missing parts, shows no secret,
    /// and ends on SIGTERM.
    pub fn waits_for(&self, missing: &[&str]) {
        let environment = [
            ("LOGISTICS_KAFKA_BROKERS", NOWHERE),
            ("LOGISTICS_KAFKA_SECURITY_PROTOCOL", "sasl_plaintext"),
            ("LOGISTICS_KAFKA_SASL_USERNAME", "amir"),
            ("LOGISTICS_KAFKA_SASL_PASSWORD", SECRET),
            ("LOGISTICS_REDIS_URL", "redis://127.0.0.1:1"),
            ("LOGISTICS_REDIS_PASSWORD", SECRET),
            ("LOGISTICS_LOG_FORMAT", "json"),
            ("LOGISTICS_HEALTH_DETAILS", "true"),
        ];
        let mut process = self.start(&["--listen", "127.0.0.1:0"], &environment);
        let listening = process.line_with("istening on http://");
        let message: Value = serde_json::from_str(&listening).expect("JSON");
        let url = message["message"]
            .as_str()
            .and_then(|text| text.split(' ').next_back())
            .expect("a URL")
            .to_owned();
        let addr = url.trim_start_matches("http://").parse().expect("an address");
        process.line_with("waiting for the log");

        let get = |path| get(addr, path).expect("a reply");
        assert_eq!(get("/health/live").status, 200);
        let ready = get("/health/ready");
        let (status, body) = (ready.status, ready.json());
        assert_eq!((status, &body["missing"]), (503, &serde_json::json!(missing)), "{body}");
        let own = [&environment[..], &[("LOGISTICS_LISTEN", url.trim_start_matches("http://"))]].concat();
        let unwell = self.run(&["health"], &own);
        assert_eq!(unwell.code, Some(1), "{unwell:?}");
        assert!(unwell.out.starts_with(&format!("log: {NOWHERE}: ")), "{unwell:?}");
        let parts = body["parts"].as_array().map_or(0, Vec::len);
        assert_eq!(unwell.out.lines().count(), parts, "{unwell:?}");
        let live = self.run(&["health", "--live", "--url", &url], &[]);
        assert_eq!((live.code, &*live.out, &*live.err), (Some(0), "live\n", ""));

        let (status, took) = process.terminate();
        assert!(status.success(), "{status:?}: {:#?}", process.log);
        assert!(took < DRAIN_MAX, "it took {took:?} to end");
        let gone = self.run(&["health", "--url", &url], &[]);
        assert_eq!(gone.code, Some(1), "{gone:?}");
        process.read_to_the_end();
        for line in &process.log {
            assert!(serde_json::from_str::<Value>(line).is_ok(), "not JSON: {line}");
            assert!(!line.contains(SECRET), "{line}");
        }
    }

    /// Starts and stops it, and returns its log lines up to the one with its address.
    #[must_use]
    pub fn lines_at_start(&self, args: &[&str], environment: Environment<'_>) -> Vec<String> {
        let environment = [environment, &[("LOGISTICS_KAFKA_BROKERS", NOWHERE)]].concat();
        let mut process = self.start(&[&["--listen", "127.0.0.1:0"], args].concat(), &environment);
        process.line_with("istening on http://");
        let lines = std::mem::take(&mut process.log);
        assert!(process.terminate().0.success(), "{lines:#?}");
        lines
    }

    /// Starts it and reads its log.
    fn start(&self, args: &[&str], environment: Environment<'_>) -> Process {
        let mut command = self.command(args, environment);
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let (sender, lines) = channel();
        let pipe = child.stderr.take().expect("a pipe");
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Process { child, lines, log: Vec::new() }
    }

    /// The command without the settings of the test's environment.
    fn command(&self, args: &[&str], environment: Environment<'_>) -> Command {
        let mut command = Command::new(self.binary);
        let settings = std::env::vars_os().map(|(name, _)| name);
        for name in settings.filter(|name| name.to_string_lossy().starts_with("LOGISTICS_")) {
            command.env_remove(name);
        }
        command.args(args).envs(environment.iter().copied()).stdin(Stdio::null());
        command
    }
}

/// A running process. Dropping it kills it.
struct Process {
    child: Child,
    lines: Receiver<String>,
    /// The log lines read so far.
    log: Vec<String>,
}

impl Process {
    /// Waits for a line that contains this text.
    fn line_with(&mut self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let line = self.lines.recv_timeout(until.saturating_duration_since(Instant::now()));
            let line =
                line.unwrap_or_else(|error| panic!("no line with {text:?} ({error}): {:#?}", self.log));
            self.log.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Reads the rest of the log of an ended process.
    fn read_to_the_end(&mut self) {
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.log.push(line);
        }
    }

    /// Sends SIGTERM and waits for the end.
    fn terminate(&mut self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("kill exists");
        assert!(sent.success(), "the process runs");
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return (status, begun.elapsed());
            }
            assert!(begun.elapsed() < PATIENCE, "it never ends: {:#?}", self.log);
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The help text of each flag.
fn explained(help: &str) -> BTreeMap<String, String> {
    let mut explained: BTreeMap<String, String> = BTreeMap::new();
    let mut flag = None;
    for line in help.lines() {
        let mut words = line.split_whitespace().filter(|word| word.starts_with("--"));
        // A line `- value: meaning` belongs to the flag above it.
        if line.trim_start().starts_with('-') && !line.trim_start().starts_with("- ") {
            flag = words.next().map(str::to_owned);
        }
        if let Some(flag) = &flag {
            let text = explained.entry(flag.clone()).or_default();
            text.push_str(line.trim());
            text.push(' ');
        }
    }
    explained
}

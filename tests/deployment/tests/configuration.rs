//! `deploy/CONFIGURATION.md` says what the programs' `--help` says. `UPDATE_CONFIGURATION=1` writes it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use logistics_deployment_tests::command::run;
use logistics_deployment_tests::project;

const BEGIN: &str = "<!-- From `--help`; a test holds it to that. -->\n";
const MEND: &str = "UPDATE_CONFIGURATION=1 cargo test -p logistics-deployment-tests --test configuration";

/// The programs, and what makes each explain the settings that it runs with.
const PROGRAMS: [(&str, &[&str]); 4] = [
    ("order-api", &["--help"]),
    ("order-processor", &["--help"]),
    ("notification-service", &["--help"]),
    ("logistics", &["serve", "--help"]),
];

/// A flag, as a program explains it.
#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Clone)]
struct Setting {
    flag: String,
    variable: String,
    default: String,
    meaning: String,
    secret: bool,
}

#[test]
fn the_configuration_reference_is_what_help_says() {
    let path = project().join("deploy/CONFIGURATION.md");
    let there = std::fs::read_to_string(&path).expect("deploy/CONFIGURATION.md");
    let (head, _) = there.split_once(BEGIN).expect("the line behind which the settings begin");
    let expected = format!("{head}{BEGIN}{}", tables());
    if std::env::var_os("UPDATE_CONFIGURATION").is_some() {
        std::fs::write(&path, &expected).expect("deploy/CONFIGURATION.md can be written");
        return;
    }
    let first = expected.lines().zip(there.lines()).find(|(expected, there)| expected != there);
    assert!(
        expected == there,
        "deploy/CONFIGURATION.md differs from what the programs say, first here: {first:?}\nThis mends it: {MEND}"
    );
}

/// A table for each set of programs that have settings in common, in the order in which the programs explain them.
fn tables() -> String {
    let mut programs_of: BTreeMap<Setting, Vec<&str>> = BTreeMap::new();
    let mut order = Vec::new();
    for (program, arguments) in PROGRAMS {
        for setting in explained(&help(program, arguments)) {
            // Its builds with Kafka and Redis have the same ones as the services; the others have none.
            if program == "logistics" && is_of_cluster(&setting) {
                continue;
            }
            let programs = programs_of.entry(setting.clone()).or_default();
            if programs.is_empty() {
                order.push(setting);
            }
            programs.push(program);
        }
    }
    let mut tables: Vec<(Vec<&str>, String)> = Vec::new();
    for setting in order {
        let programs = &programs_of[&setting];
        let row = row(&setting);
        match tables.iter_mut().find(|(of, _)| of == programs) {
            Some((_, rows)) => rows.push_str(&row),
            None => tables.push((programs.clone(), row)),
        }
    }
    tables.sort_by_key(|(programs, _)| std::cmp::Reverse(programs.len()));
    tables.iter().map(|(programs, rows)| table(programs, rows)).collect()
}

fn is_of_cluster(setting: &Setting) -> bool {
    setting.flag.starts_with("--kafka-") || setting.flag.starts_with("--redis-")
}

fn table(programs: &[&str], rows: &str) -> String {
    let head = "| flag | variable | default | meaning |\n| --- | --- | --- | --- |\n";
    format!("\n## {}\n\n{head}{rows}", programs.join(", "))
}

fn row(setting: &Setting) -> String {
    let Setting { flag, variable, default, meaning, secret } = setting;
    let secret = if *secret { "**Secret.** " } else { "" };
    format!("| `{flag}` | `{variable}` | {default} | {secret}{} |\n", meaning.replace('|', "\\|"))
}

/// The settings that have a variable, from what `--help` prints: the line of the flag, and below it what it means.
fn explained(help: &str) -> Vec<Setting> {
    let mut settings = Vec::new();
    let mut lines = help.lines().map(str::trim).peekable();
    while let Some(line) = lines.next() {
        let Some(flag) = line.split(' ').find(|word| word.starts_with("--")) else { continue };
        if !line.starts_with('-') {
            continue;
        }
        let mut text = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("--") && !line.starts_with("-h")) {
            text.push(line);
        }
        settings.extend(setting(flag, &text));
    }
    settings
}

fn setting(flag: &str, text: &[&str]) -> Option<Setting> {
    let note =
        |name: &str| text.iter().find_map(|line| line.strip_prefix(&format!("[{name}: "))?.strip_suffix(']'));
    let environment = note("env")?;
    let words = text.iter().filter(|line| !line.starts_with('[')).flat_map(|line| line.split_whitespace());
    let words = words.collect::<Vec<_>>().join(" ");
    // A default that is no value is in the sentence, and values with their own meaning are in a list.
    let (words, prose) = words.split_once(" [default: ").unwrap_or((&words, ""));
    let mut meaning = words.replace(" Possible values: - ", ". One of ").replace(" - ", "; ");
    if let Some(values) = note("possible values") {
        meaning.push_str(&format!(". One of `{}`", values.replace(", ", "`, `")));
    }
    let default = note("default").filter(|default| *default != "\"\"").map(|default| format!("`{default}`"));
    Some(Setting {
        flag: flag.to_owned(),
        variable: environment.trim_end_matches('=').to_owned(),
        default: default.unwrap_or_else(|| prose.trim_end_matches(']').to_owned()),
        meaning,
        // Help shows what the environment says, but for those.
        secret: !environment.ends_with('='),
    })
}

fn help(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(self::program(program));
    let variables = std::env::vars_os().map(|(name, _)| name);
    for name in variables.filter(|name| name.to_string_lossy().starts_with("LOGISTICS_")) {
        command.env_remove(name);
    }
    run(command.args(arguments), Duration::from_secs(30)).expect()
}

/// The program of that name, from the folder that this test was built into. `cargo test --workspace` builds all of them;
/// for a test that is run alone it is built here.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this program's path");
    let profile = test.parent().and_then(|deps| deps.parent()).expect("the folder of the profile");
    let program = profile.join(name);
    if !program.exists() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        run(build.args(["build", "--locked", "--package", name]), Duration::from_secs(1800)).expect();
    }
    program
}

/// One set of variables serves all programs.
#[test]
fn every_program_takes_the_variables_of_the_others() {
    // What `logistics` has besides is for trying out, and no service's.
    let services = PROGRAMS.iter().filter(|(program, _)| *program != "logistics");
    let settings = services.flat_map(|(program, arguments)| explained(&help(program, arguments)));
    let variables: BTreeSet<String> = settings.map(|setting| setting.variable).collect();
    assert!(variables.contains("LOGISTICS_NOTIFY_FROM"), "{variables:?}");
    for (program, arguments) in PROGRAMS {
        let mut command = Command::new(self::program(program));
        // The default build of `logistics` has neither Kafka nor Redis.
        let has = |name: &&String| program != "logistics" || !is_of_cluster_variable(name);
        command.args(arguments).envs(variables.iter().filter(has).map(|name| (name, "x")));
        run(&mut command, Duration::from_secs(30)).expect();
    }
}

fn is_of_cluster_variable(variable: &str) -> bool {
    variable.starts_with("LOGISTICS_KAFKA_") || variable.starts_with("LOGISTICS_REDIS_")
}

#[test]
fn help_is_read_as_it_is_meant() {
    let help = "Options:\n      --listen <LISTEN>\n          Where to\n          listen\n          \n          [env: LOGISTICS_LISTEN=]\n          [default: 127.0.0.1:1]\n\n      --token <TOKEN>\n          Who, or a|b\n          \n          [env: LOGISTICS_TOKEN]\n          [possible values: a, b]\n\n  -h, --help\n          Print help\n";
    let [listen, token] = explained(help).try_into().expect("two settings");
    assert_eq!(row(&listen), "| `--listen` | `LOGISTICS_LISTEN` | `127.0.0.1:1` | Where to listen |\n");
    assert_eq!(
        row(&token),
        "| `--token` | `LOGISTICS_TOKEN` |  | **Secret.** Who, or a\\|b. One of `a`, `b` |\n"
    );
}

/// The guides start what they show on real orders without a clock that moves them, and advise none.
#[test]
fn only_what_is_for_trying_out_simulates() {
    let file = |path: &str| {
        std::fs::read_to_string(project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    assert!(file("deploy/logistics.service").contains("\nEnvironment=LOGISTICS_MODE=manual\n"));
    assert!(file("deploy/compose.yaml").contains("LOGISTICS_MODE: ${LOGISTICS_MODE:-simulate}\n"));
    for guide in ["deploy/README.md", "deploy/kubernetes.md"] {
        assert!(!file(guide).contains("--mode simulate"), "{guide} advises to let the clock move orders");
    }
}

/// Also where git turns line ends into those of the system (`core.autocrlf`).
#[test]
fn a_checkout_keeps_the_line_ends_of_scripts_and_the_bytes_of_golden_files() {
    let git = |args: &[&str]| {
        run(Command::new("git").arg("-C").arg(project()).args(args), Duration::from_secs(30)).expect()
    };
    let files = git(&["ls-files", "*.sh", "*.lua", ".ci/run", "deploy", "logistics-core/src/wire/golden"]);
    let files: Vec<_> = files.lines().collect();
    assert!(files.iter().any(|file| file.ends_with(".lua")) && files.contains(&".ci/run"), "{files:?}");
    let attributes = git(&[&["check-attr", "text", "eol", "--"], &files[..]].concat());
    let of = |file: &str, name: &str| {
        let line = attributes.lines().find_map(|line| line.strip_prefix(&format!("{file}: {name}: ")));
        line.unwrap_or_default().to_owned()
    };
    for file in files {
        if file.contains("/golden/") {
            assert_eq!(of(file, "text"), "unset", "{file}");
        } else {
            assert_eq!((&*of(file, "text"), &*of(file, "eol")), ("set", "lf"), "{file}");
        }
    }
}

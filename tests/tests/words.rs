//! What people read is plain technical English: these words and phrases occur in no tracked document, source, manifest or script.
//!
//! A component is the subject of a sentence, and the field's term names what happens ("stored", "notified", "retry"). A line that
//! needs one of the words (a quotation, this list) carries the marker `words: allow`.

use std::path::PathBuf;
use std::process::Command;

/// Lower case. Each counts where no letter or digit touches it, so `nothing_is_told` counts too.
const FORBIDDEN: &[&str] = &[
    "nobody",           // words: allow
    "somebody",         // words: allow
    "whoever",          // words: allow
    "whomever",         // words: allow
    "former self",      // words: allow
    "by heart",         // words: allow
    "is told",          // words: allow
    "are told",         // words: allow
    "was told",         // words: allow
    "stands in",        // words: allow
    "comes to nothing", // words: allow
    "hears",            // words: allow
];

/// A line with this marker is not checked.
const ALLOW: &str = "words: allow";

/// What is checked, by the ending of the file's name.
const ENDINGS: &[&str] = &[".md", ".rs", ".toml", ".yaml", ".yml", ".sh", ".lua"];

/// A forbidden phrase, where it is: `path:line: phrase`.
struct Finding {
    path: String,
    line: usize,
    phrase: &'static str,
}

#[test]
fn forbidden_words_occur_nowhere() {
    let findings: Vec<Finding> = files().iter().flat_map(|path| findings(path)).collect();
    let lines: Vec<String> =
        findings.iter().map(|Finding { path, line, phrase }| format!("{path}:{line}: {phrase}")).collect();
    assert!(
        lines.is_empty(),
        "Say it in plain technical English: the component is the subject, in the active voice.\n{}",
        lines.join("\n")
    );
}

#[test]
fn a_phrase_counts_between_anything_but_letters_and_digits() {
    let word = FORBIDDEN.last().expect("a word");
    for line in
        [format!("{word} it."), format!("// IT {}", word.to_uppercase()), format!("fn nothing_{word}_it()")]
    {
        assert_eq!(phrases(&line), [*word], "{line}");
    }
    for line in [format!("s{word}"), format!("{word}ay"), format!("{word} // {ALLOW}")] {
        assert!(phrases(&line).is_empty(), "{line}");
    }
}

/// The tracked files that are checked, relative to the project.
fn files() -> Vec<String> {
    let output =
        Command::new("git").arg("-C").arg(project()).args(["ls-files", "-z"]).output().expect("git runs");
    assert!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).expect("paths are UTF-8");
    let files: Vec<String> = listed
        .split('\0')
        .filter(|path| ENDINGS.iter().any(|ending| path.ends_with(ending)))
        // Listed, and deleted in the work tree.
        .filter(|path| project().join(path).exists())
        .map(str::to_owned)
        .collect();
    assert!(files.iter().any(|path| path == "README.md"), "git listed no README.md: {listed:?}");
    files
}

fn findings(path: &str) -> Vec<Finding> {
    let bytes = std::fs::read(project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().enumerate();
    lines
        .flat_map(|(index, line)| phrases(line).into_iter().map(move |phrase| (index + 1, phrase)))
        .map(|(line, phrase)| Finding { path: path.to_owned(), line, phrase })
        .collect()
}

/// The forbidden phrases of a line.
fn phrases(line: &str) -> Vec<&'static str> {
    if line.contains(ALLOW) {
        return Vec::new();
    }
    let line = line.to_lowercase();
    FORBIDDEN.iter().copied().filter(|phrase| occurs(&line, phrase)).collect()
}

fn occurs(line: &str, phrase: &str) -> bool {
    line.match_indices(phrase).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + phrase.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

fn project() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

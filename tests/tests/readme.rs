//! The README and the guides state facts. (The README's example is a doctest of this crate.)

use std::path::{Path, PathBuf};
use std::process::Command;

use logistics_core::lifecycle::diagram;

const README: &str = include_str!("../../README.md");

#[test]
#[cfg_attr(
    feature = "allows-lost",
    ignore = "README.md shows the table of a release, without the rows for tests"
)]
fn the_lifecycle_diagram_is_the_tables() {
    let fenced = format!("```mermaid\n{}\n```", diagram::mermaid().trim_end());
    assert!(README.contains(&fenced), "README.md lacks this diagram:\n{fenced}");
}

#[test]
fn every_link_leads_to_a_file() {
    let mut checked = 0;
    for document in documents() {
        let text = std::fs::read_to_string(project().join(&document)).expect("a document");
        let folder = Path::new(&document).parent().expect("a folder");
        for target in links(&text) {
            let path = target.split('#').next().unwrap_or_default();
            if target.contains("://") || path.is_empty() {
                continue;
            }
            checked += 1;
            assert!(project().join(folder).join(path).exists(), "{document}: {target} leads nowhere");
        }
    }
    assert!(checked > 20, "only {checked} links were found");
}

#[test]
fn the_readme_links_every_guide() {
    let linked = links(README);
    let documents = documents();
    let guides: Vec<&String> = documents.iter().filter(|path| path.starts_with("docs/")).collect();
    assert!(!guides.is_empty(), "docs/ has no guide");
    for guide in guides {
        assert!(linked.contains(&guide.as_str()), "README.md has no link to {guide}");
    }
}

/// The targets of the Markdown links of a text, in their order.
fn links(text: &str) -> Vec<&str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect()
}

/// The tracked Markdown files, relative to the project.
fn documents() -> Vec<String> {
    let output =
        Command::new("git").arg("-C").arg(project()).args(["ls-files", "*.md"]).output().expect("git runs");
    assert!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("paths are UTF-8").lines().map(str::to_owned).collect()
}

fn project() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

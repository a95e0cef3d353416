//! The README says what is so. (Its example is a doctest of this crate.)

use logistics_core::lifecycle::diagram;

const README: &str = include_str!("../../README.md");

#[test]
fn the_lifecycle_diagram_is_the_tables() {
    let fenced = format!("```mermaid\n{}\n```", diagram::mermaid().trim_end());
    assert!(README.contains(&fenced), "README.md has no such diagram; it is to hold this one:\n{fenced}");
}

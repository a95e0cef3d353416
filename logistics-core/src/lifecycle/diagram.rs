//! The lifecycle as people and tools read it: a docs table, Mermaid, Graphviz DOT and JSON.
//!
//! All of them are derived from [`TRANSITIONS`] and [`ASSIGNMENTS`], the tables of the validator. A status that no row reaches is in the JSON
//! only.

use std::fmt::Write as _;

use serde::Serialize;

use super::{ASSIGNMENTS, Actor, STATUSES, Status, TRANSITIONS, Timer, Transition};

/// The docs table, in Markdown: one line for each row of [`TRANSITIONS`], terminal statuses in bold.
#[must_use]
pub fn table() -> String {
    let mut text = String::from("| from | to | who may ask | by itself |\n| --- | --- | --- | --- |\n");
    for row in TRANSITIONS {
        let (from, to) = (row.from.map_or("(none)", Status::name), row.to.name());
        let to = if row.to.is_terminal() { format!("**{to}**") } else { to.to_owned() };
        let by_itself = row.timer.map_or("", by_itself);
        line(&mut text, format_args!("| {from} | {to} | {} | {by_itself} |", actors(row)));
    }
    text
}

/// The docs table of [`ASSIGNMENTS`], in Markdown: one line for each row.
#[must_use]
pub fn assignment_table() -> String {
    let mut text = String::from("| status | who may set or clear the courier |\n| --- | --- |\n");
    for row in ASSIGNMENTS {
        line(&mut text, format_args!("| {} | {} |", row.status, names(row.actors)));
    }
    text
}

/// A Mermaid `stateDiagram-v2`. GitHub draws it inside a `mermaid` code block.
#[must_use]
pub fn mermaid() -> String {
    let mut text = String::from("stateDiagram-v2\n");
    for row in TRANSITIONS {
        let from = row.from.map_or("[*]", Status::name);
        line(&mut text, format_args!("    {from} --> {}: {}", row.to, label(row)));
    }
    for status in reachable().filter(|status| status.is_terminal()) {
        line(&mut text, format_args!("    {status} --> [*]"));
    }
    text
}

/// A Graphviz digraph. Terminal statuses have a double border. A transition that a clock can cause is dashed.
#[must_use]
pub fn dot() -> String {
    let mut text =
        String::from("digraph lifecycle {\n    rankdir=LR;\n    node [shape=box, style=rounded];\n");
    text.push_str("    start [shape=point, label=\"\"];\n");
    for status in reachable() {
        let border = if status.is_terminal() { " [peripheries=2]" } else { "" };
        line(&mut text, format_args!("    {status}{border};"));
    }
    for row in TRANSITIONS {
        let from = row.from.map_or("start", Status::name);
        let style = if row.timer.is_some() { ", style=dashed" } else { "" };
        line(&mut text, format_args!("    {from} -> {} [label=\"{}\"{style}];", row.to, label(row)));
    }
    text.push_str("}\n");
    text
}

/// A JSON object of `statuses` (`name`, `terminal`), `actors`, `transitions` (`from`, which is null for a new order,
/// `to`, `actors`, and the timer that moves an order without a request (`clock`), or null) and `assignments` (`status` and
/// the `actors` that may set or clear the courier in it).
#[must_use]
pub fn json() -> String {
    let lifecycle = Lifecycle {
        statuses: STATUSES.map(|status| StatusRow { name: status, terminal: status.is_terminal() }),
        actors: &super::ACTORS,
        transitions: TRANSITIONS
            .iter()
            .map(|row| TransitionRow { from: row.from, to: row.to, actors: row.actors, timer: row.timer })
            .collect(),
        assignments: ASSIGNMENTS
            .iter()
            .map(|row| AssignmentRow { status: row.status, actors: row.actors })
            .collect(),
    };
    // Enums, booleans and lists always serialize.
    serde_json::to_string_pretty(&lifecycle).unwrap_or_default()
}

#[derive(Serialize)]
struct Lifecycle {
    statuses: [StatusRow; STATUSES.len()],
    actors: &'static [Actor],
    transitions: Vec<TransitionRow>,
    assignments: Vec<AssignmentRow>,
}

#[derive(Serialize)]
struct AssignmentRow {
    status: Status,
    actors: &'static [Actor],
}

#[derive(Serialize)]
struct StatusRow {
    name: Status,
    terminal: bool,
}

#[derive(Serialize)]
struct TransitionRow {
    from: Option<Status>,
    to: Status,
    actors: &'static [Actor],
    #[serde(rename = "clock")]
    timer: Option<Timer>,
}

fn reachable() -> impl Iterator<Item = Status> {
    STATUSES.into_iter().filter(|status| status.is_reachable())
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}

fn label(row: &Transition) -> String {
    match row.timer {
        Some(timer) => format!("{} ({})", actors(row), timer.name()),
        None => actors(row),
    }
}

fn actors(row: &Transition) -> String {
    names(row.actors)
}

fn names(actors: &[Actor]) -> String {
    actors.iter().map(|actor| actor.name()).collect::<Vec<_>>().join(", ")
}

fn by_itself(timer: Timer) -> &'static str {
    match timer {
        Timer::Dwell => "after the dwell time, where the policy simulates",
        Timer::Accept => "at the accept deadline",
        Timer::Return => "at the return deadline",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, with: &[&str]) -> usize {
        text.lines().filter(|line| with.iter().all(|part| line.contains(part))).count()
    }

    fn terminal() -> usize {
        reachable().filter(|status| status.is_terminal()).count()
    }

    #[test]
    fn the_table_has_a_line_for_each_row_and_no_other() {
        let table = table();
        assert_eq!(table.lines().count(), 2 + TRANSITIONS.len());
        for line in [
            "| (none) | PLACED | customer |  |",
            "| PLACED | CONFIRMED | merchant, operator, system | after the dwell time, where the policy simulates |",
            "| PLACED | **EXPIRED** | system | at the accept deadline |",
            "| DELIVERY_FAILED | **RETURNED** | courier, operator, system | at the return deadline |",
            "| DELIVERY_FAILED | OUT_FOR_DELIVERY | courier, operator |  |",
        ] {
            assert_eq!(lines(&table, &[line]), 1, "{line}\n{table}");
        }
    }

    #[test]
    #[cfg_attr(
        feature = "allows-lost",
        ignore = "the page shows the table of a release, without the rows for tests"
    )]
    fn the_crate_page_shows_the_tables() {
        for table in [table(), assignment_table()] {
            assert!(include_str!("../../README.md").contains(&format!("\n\n{table}\n")), "{table}");
        }
    }

    #[test]
    fn the_mermaid_diagram_has_every_row_and_an_end_for_terminal_statuses() {
        let mermaid = mermaid();
        assert!(mermaid.starts_with("stateDiagram-v2\n    [*] --> PLACED: customer\n"));
        assert_eq!(
            lines(&mermaid, &["    OUT_FOR_DELIVERY --> DELIVERED: courier, operator, system (dwell)"]),
            1
        );
        for row in TRANSITIONS {
            let from = row.from.map_or("[*]", Status::name);
            assert_eq!(lines(&mermaid, &[&format!("    {from} --> {}:", row.to)]), 1, "{row:?}");
        }
        for status in STATUSES {
            let ends = lines(&mermaid, &[&format!("    {status} --> [*]")]);
            assert_eq!(ends, usize::from(status.is_terminal() && status.is_reachable()), "{status}");
        }
        assert_eq!(mermaid.lines().count(), 1 + TRANSITIONS.len() + terminal());
    }

    #[test]
    fn the_dot_graph_has_every_row_and_a_double_border_for_terminal_statuses() {
        let dot = dot();
        assert_eq!(lines(&dot, &["    PREPARING -> READY_FOR_PICKUP [label=\"merchant, operator\"];"]), 1);
        for row in TRANSITIONS {
            let from = row.from.map_or("start", Status::name);
            assert_eq!(lines(&dot, &[&format!("    {from} -> {} [", row.to)]), 1, "{row:?}");
        }
        assert_eq!(lines(&dot, &["peripheries=2"]), terminal());
        assert_eq!(
            lines(&dot, &["style=dashed"]),
            TRANSITIONS.iter().filter(|row| row.timer.is_some()).count()
        );
        assert_eq!(dot.matches('{').count(), dot.matches('}').count());
    }

    #[test]
    fn the_json_has_every_status_and_row() {
        let json: serde_json::Value = serde_json::from_str(&json()).unwrap();
        let transitions = json["transitions"].as_array().unwrap();
        assert_eq!(transitions.len(), TRANSITIONS.len());
        for (row, transition) in transitions.iter().zip(TRANSITIONS) {
            assert_eq!(row["from"].as_str(), transition.from.map(Status::name));
            assert_eq!(row["to"].as_str(), Some(transition.to.name()));
            assert_eq!(row["clock"].as_str(), transition.timer.map(Timer::name));
            let actors: Vec<_> =
                row["actors"].as_array().unwrap().iter().map(|actor| actor.as_str()).collect();
            assert_eq!(actors, transition.actors.iter().map(|actor| Some(actor.name())).collect::<Vec<_>>());
        }
        for status in json["statuses"].as_array().unwrap() {
            let known = Status::from_name(status["name"].as_str().unwrap()).unwrap();
            assert_eq!(status["terminal"].as_bool(), Some(known.is_terminal()));
        }
        assert_eq!(json["statuses"].as_array().unwrap().len(), STATUSES.len());
        let assignments = json["assignments"].as_array().unwrap();
        assert_eq!(assignments.len(), ASSIGNMENTS.len());
        for (row, rule) in assignments.iter().zip(ASSIGNMENTS) {
            assert_eq!(row["status"].as_str(), Some(rule.status.name()));
            let actors: Vec<_> =
                row["actors"].as_array().unwrap().iter().filter_map(|actor| actor.as_str()).collect();
            assert_eq!(actors, rule.actors.iter().map(|actor| actor.name()).collect::<Vec<_>>());
        }
    }
}

//! What the rule files contain. They are YAML of one form, so that lines suffice to read them.

use std::collections::BTreeSet;

use super::folder;

/// An alert rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Its name. Several rules may have it.
    pub name: String,
    /// Its expression, in one line.
    pub expr: String,
    /// The lines of the rule, without the name.
    pub text: String,
}

impl Alert {
    /// The value of a label or an annotation.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&str> {
        let line = self.text.lines().find_map(|line| line.trim_start().strip_prefix(&format!("{key}: ")));
        line.map(|value| value.trim_matches('\''))
    }

    /// The number behind the first `>` of the expression; a product such as `14.4 * 0.001` is calculated.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn threshold(&self) -> f64 {
        let (_, behind) = self.expr.split_once("> ").unwrap_or_else(|| panic!("no `>` in {}", self.expr));
        let mut words = behind.split([' ', '\n', ')']);
        let number = |word: Option<&str>| word.and_then(|word| word.parse::<f64>().ok());
        let first = number(words.next()).unwrap_or_else(|| panic!("no number behind `>` in {}", self.expr));
        let factor = words.next().filter(|word| *word == "*").and_then(|_| number(words.next()));
        // Rounded: a product has digits that JSON does not keep.
        (first * factor.unwrap_or(1.0) * 1e6).round() / 1e6
    }
}

/// The threshold of the first rule with this name.
///
/// # Panics
/// If there is no such rule.
#[must_use]
pub fn threshold(alerts: &[Alert], name: &str) -> f64 {
    let alert = alerts.iter().find(|alert| alert.name == name);
    alert.unwrap_or_else(|| panic!("no rule alerts {name}")).threshold()
}

/// The text of a file of `deploy/observability`.
///
/// # Panics
/// If it cannot be read.
#[must_use]
pub fn file(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The alert rules, in their order.
///
/// # Panics
/// If their file cannot be read.
#[must_use]
pub fn alerts() -> Vec<Alert> {
    rules(&file("alerts.rules.yml"), "alert").into_iter().map(|(name, text)| alert(name, text)).collect()
}

/// The names that the recording rules record.
///
/// # Panics
/// If their file cannot be read.
#[must_use]
pub fn recorded() -> BTreeSet<String> {
    rules(&file("recording.rules.yml"), "record").into_iter().map(|(name, _)| name).collect()
}

/// The expressions of both files.
///
/// # Panics
/// If one of them cannot be read.
#[must_use]
pub fn expressions() -> Vec<String> {
    let recording = rules(&file("recording.rules.yml"), "record");
    let all = recording.into_iter().chain(rules(&file("alerts.rules.yml"), "alert"));
    all.map(|(_, text)| expr(&text)).collect()
}

/// The names of rules of one kind, each with the lines that follow.
fn rules(file: &str, kind: &str) -> Vec<(String, String)> {
    let head = format!("      - {kind}: ");
    let rules = file.split(&head).skip(1).filter_map(|part| part.split_once('\n'));
    let rules = rules.map(|(name, text)| (name.to_owned(), text.lines().take_while(|line| is_of_rule(line))));
    rules.map(|(name, lines)| (name, lines.collect::<Vec<_>>().join("\n"))).collect()
}

/// Comments of the next rule and the next group are not indented like the keys of a rule.
fn is_of_rule(line: &str) -> bool {
    line.starts_with("        ")
}

fn alert(name: String, text: String) -> Alert {
    let expr = expr(&text);
    Alert { name, expr, text }
}

fn expr(text: &str) -> String {
    let (_, behind) = text.split_once("expr: ").expect("a rule has an expression");
    let folded = behind.strip_prefix(">-\n");
    let lines = folded.map_or_else(
        || behind.lines().take(1).collect::<Vec<_>>(),
        |lines| lines.lines().take_while(|line| line.starts_with("          ")).collect(),
    );
    lines.into_iter().map(str::trim).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "groups:\n  - name: g\n    rules:\n      # why\n      - alert: A\n        expr: a > 0.5 < 0.8\n        labels:\n          severity: 'critical'\n      # next\n      - alert: B\n        expr: >-\n          b\n          > 14.4 * 0.001)\n        for: 5s\n";

    #[test]
    fn rules_are_read_with_their_expressions_and_thresholds() {
        let alerts: Vec<_> = rules(FILE, "alert").into_iter().map(|(name, text)| alert(name, text)).collect();
        assert_eq!(alerts.len(), 2);
        assert_eq!((&*alerts[0].name, &*alerts[0].expr), ("A", "a > 0.5 < 0.8"));
        assert_eq!((alerts[0].value("severity"), alerts[0].value("for")), (Some("critical"), None));
        assert_eq!((&*alerts[1].expr, alerts[1].value("for")), ("b > 14.4 * 0.001)", Some("5s")));
        assert!(
            (threshold(&alerts, "A") - 0.5).abs() < 1e-9 && (threshold(&alerts, "B") - 0.0144).abs() < 1e-9
        );
    }
}

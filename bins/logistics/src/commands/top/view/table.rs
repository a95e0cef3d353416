//! Lines and tables of text from other processes.

use logistics_core::text::Escaped;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::paint::Paint;

/// Longest text of a cell, in characters. A longer one ends in `…`.
const CELL_MAX: usize = 60;
/// Narrowest that a column of names becomes.
const NAME_MIN: usize = 8;

/// A column.
#[derive(Debug, Clone, Copy)]
pub(super) enum Column {
    /// Shortened if the table is wider than the screen.
    Name(&'static str),
    Text(&'static str),
    Number(&'static str),
}

impl Column {
    fn title(self) -> &'static str {
        let (Self::Name(title) | Self::Text(title) | Self::Number(title)) = self;
        title
    }
}

/// A row: its style and one text per column.
pub(super) struct Row {
    pub(super) style: Style,
    pub(super) cells: Vec<String>,
}

impl Row {
    pub(super) fn plain(cells: Vec<String>) -> Self {
        Self { style: Style::new(), cells }
    }
}

/// A table with a line of column titles. Every cell is escaped.
pub(super) fn table(columns: &[Column], rows: Vec<Row>, width: usize, paint: Paint) -> Vec<Line<'static>> {
    let titles = columns.iter().map(|column| column.title().to_owned()).collect();
    let mut all = vec![Row { style: paint.faint(), cells: titles }];
    all.extend(rows.into_iter().map(|Row { style, cells }| Row {
        style,
        cells: cells.iter().map(|cell| shortened(&escaped(cell), CELL_MAX)).collect(),
    }));
    let widest = |at: usize| all.iter().filter_map(|row| row.cells.get(at)).map(|cell| width_of(cell)).max();
    let mut widths: Vec<usize> = (0..columns.len()).map(|at| widest(at).unwrap_or(0)).collect();
    let gap = if widths.iter().sum::<usize>() + 2 * columns.len() <= width { 2 } else { 1 };
    fit(columns, &mut widths, width.saturating_sub(gap * columns.len().saturating_sub(1)));
    all.iter().map(|row| line(row, columns, &widths, gap)).collect()
}

/// Narrows the columns of names until the table fits.
fn fit(columns: &[Column], widths: &mut [usize], width: usize) {
    let mut excess = widths.iter().sum::<usize>().saturating_sub(width);
    for (column, own) in columns.iter().zip(widths) {
        if matches!(column, Column::Name(_)) {
            let taken = excess.min(own.saturating_sub(NAME_MIN));
            *own -= taken;
            excess -= taken;
        }
    }
}

fn line(row: &Row, columns: &[Column], widths: &[usize], gap: usize) -> Line<'static> {
    let mut text = String::new();
    for ((cell, column), width) in row.cells.iter().zip(columns).zip(widths) {
        if !text.is_empty() {
            text.extend(std::iter::repeat_n(' ', gap));
        }
        let cell = shortened(cell, *width);
        let space = " ".repeat(width.saturating_sub(width_of(&cell)));
        match column {
            Column::Number(_) => text.extend([&*space, &*cell]),
            Column::Name(_) | Column::Text(_) => text.extend([&*cell, &*space]),
        }
    }
    Line::styled(text.trim_end().to_owned(), row.style)
}

/// A text in one style, escaped.
pub(super) fn span(text: &str, style: Style) -> Span<'static> {
    Span::styled(escaped(text), style)
}

/// A sentence on as many lines as it needs, with an indent.
pub(super) fn wrapped(text: &str, width: usize, style: Style) -> Vec<Line<'static>> {
    const INDENT: &str = "  ";
    let mut lines = Vec::new();
    let mut line = INDENT.to_owned();
    for word in escaped(text).split(' ') {
        if line.len() > INDENT.len() && width_of(&line) + width_of(word) > width {
            lines.push(Line::styled(line.trim_end().to_owned(), style));
            line = INDENT.repeat(2);
        }
        line.push_str(&shortened(word, width.saturating_sub(2 * INDENT.len()).max(1)));
        line.push(' ');
    }
    lines.push(Line::styled(line.trim_end().to_owned(), style));
    lines
}

fn escaped(text: &str) -> String {
    Escaped(text).to_string()
}

/// Columns on the screen.
fn width_of(text: &str) -> usize {
    Span::raw(text).width()
}

fn shortened(text: &str, width: usize) -> String {
    if width_of(text) <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        short.push(c);
        if width_of(&short) + 1 > width {
            short.pop();
            break;
        }
    }
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(lines: &[Line<'static>]) -> Vec<String> {
        lines.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn columns_align_and_names_shrink_to_the_width() {
        let columns = [Column::Name("name"), Column::Number("n")];
        let rows = || {
            vec![
                Row::plain(vec!["a-long-process-name".into(), "1".into()]),
                Row::plain(vec!["ä".into(), "22".into()]),
            ]
        };
        let paint = Paint::new(false);
        assert_eq!(
            shown(&table(&columns, rows(), 80, paint)),
            ["name                  n", "a-long-process-name   1", "ä                    22"]
        );
        assert_eq!(
            shown(&table(&columns, rows(), 15, paint)),
            ["name          n", "a-long-proc…  1", "ä            22"]
        );
    }

    #[test]
    fn a_cell_is_escaped_and_bounded() {
        let hostile = format!("\u{1b}[2J\u{202e}{}", "x".repeat(1000));
        let lines =
            shown(&table(&[Column::Text("t")], vec![Row::plain(vec![hostile])], 80, Paint::new(true)));
        assert!(lines[1].starts_with("\\u{1b}[2J\\u{202e}xxx") && lines[1].ends_with('…'), "{lines:?}");
        assert_eq!(width_of(&lines[1]), CELL_MAX);
    }

    #[test]
    fn a_sentence_wraps_between_words() {
        let lines = shown(&wrapped("one two three\nfour", 14, Style::new()));
        assert_eq!(lines, ["  one two", "    three\\u{a…"]);
    }
}

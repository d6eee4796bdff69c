//! Owns printing a Table as `kubectl get -o wide` does.

use serde_json::Value;

/// Columns are parted by three blanks and at least six wide, as kubectl sets its tabwriter up
/// (`k8s.io/cli-runtime/pkg/printers/tabwriter.go`); the last column is not padded.
const GAP: usize = 3;
const NARROWEST: usize = 6;

/// The table as text, one line a row, headings in capitals. Empty when there are no columns.
pub(super) fn print(columns: &[Value], rows: &[Vec<Value>]) -> String {
    let heading = |column: &Value| column["name"].as_str().unwrap_or_default().to_uppercase();
    let mut lines = vec![columns.iter().map(heading).collect::<Vec<_>>()];
    lines.extend(rows.iter().map(|cells| cells.iter().map(cell).collect()));
    if columns.is_empty() {
        return String::new();
    }
    let width =
        |at: usize| lines.iter().filter_map(|line| line.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        for (at, cell) in line.iter().enumerate() {
            text.push_str(cell);
            if at + 1 < line.len() {
                let column = widths.get(at).map_or(NARROWEST, |width| (width + GAP).max(NARROWEST));
                text.extend(std::iter::repeat_n(' ', column.saturating_sub(cell.chars().count())));
            }
        }
        text.push('\n');
    }
    text
}

/// kubectl prints nothing for a null, cuts a text at its first line break and marks the cut.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => match text.find(['\n', '\r', '\x0c']) {
            Some(at) => format!("{}...", &text[..at]),
            None => text.clone(),
        },
        other => other.to_string(),
    }
}

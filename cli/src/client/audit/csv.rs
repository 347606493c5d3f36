//! Entries as CSV (RFC 4180), for spreadsheets.

use serde_json::Value;

const COLUMNS: [(&str, &str); 17] = [
    ("sequence", "/sequence"),
    ("id", "/id"),
    ("at", "/at"),
    ("actor_id", "/actor/id"),
    ("actor_kind", "/actor/kind"),
    ("actor_name", "/actor/displayName"),
    ("action", "/action"),
    ("outcome", "/outcome"),
    ("code", "/code"),
    ("target_type", "/targetType"),
    ("target_id", "/targetId"),
    ("target_name", "/targetName"),
    ("changes", "/changes"),
    ("reason", "/reason"),
    ("remote_address", "/remoteAddress"),
    ("request_id", "/requestId"),
    ("hash", "/hash"),
];

/// Rows of entries; with the names of the columns before them on the first page.
pub fn page(entries: &[Value], is_first: bool) -> String {
    let mut text = String::new();
    if is_first {
        line(&mut text, COLUMNS.iter().map(|(name, _)| (*name).to_owned()));
    }
    for entry in entries {
        line(&mut text, COLUMNS.iter().map(|(_, pointer)| cell(entry.pointer(pointer).unwrap_or(&Value::Null))));
    }
    text
}

fn line(text: &mut String, cells: impl Iterator<Item = String>) {
    text.push_str(&cells.collect::<Vec<_>>().join(","));
    text.push_str("\r\n");
}

fn cell(value: &Value) -> String {
    let plain = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    // A spreadsheet would take it for a formula, and names are chosen by whoever is recorded.
    let plain = if plain.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{plain}") } else { plain };
    if plain.contains([',', '"', '\n', '\r']) { format!("\"{}\"", plain.replace('"', "\"\"")) } else { plain }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_has_a_meaning_in_csv_is_quoted_and_what_looks_like_a_formula_is_text() {
        assert_eq!(cell(&json!("a, \"b\"")), "\"a, \"\"b\"\"\"");
        assert_eq!(cell(&json!("=1+1")), "'=1+1");
        assert_eq!(cell(&json!({ "after": 1 })), "\"{\"\"after\"\":1}\"");
        assert_eq!(cell(&Value::Null), "");
    }

    #[test]
    fn the_first_page_has_the_names_of_the_columns() {
        let entry = json!({ "sequence": "7", "action": "workflow.published" });
        let text = page(&[entry], true);
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert!(lines[0].starts_with("sequence,id,at,actor_id"));
        assert_eq!(lines[1], "7,,,,,,workflow.published,,,,,,,,,,");
    }
}

//! The report as JUnit XML, as build servers read it.

use std::fmt::Write as _;

use super::Run;
use super::report::lines;

/// One suite for each case file.
pub fn xml(run: &Run) -> String {
    let failed = run.outcomes.iter().filter(|outcome| !outcome.passed()).count();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let (total, seconds) = (run.outcomes.len(), run.took.as_secs_f64());
    let _written = writeln!(xml, "<testsuites tests=\"{total}\" failures=\"{failed}\" time=\"{seconds:.3}\">");
    for cases in run.outcomes.chunk_by(|one, other| one.file == other.file) {
        let Some(first) = cases.first() else { continue };
        let name = escaped(&first.file.display().to_string());
        let failed = cases.iter().filter(|outcome| !outcome.passed()).count();
        let seconds: f64 = cases.iter().map(|outcome| outcome.took.as_secs_f64()).sum();
        let count = cases.len();
        let _written = writeln!(
            xml,
            "  <testsuite name=\"{name}\" tests=\"{count}\" failures=\"{failed}\" time=\"{seconds:.3}\">"
        );
        for outcome in cases {
            let (id, seconds) = (escaped(&outcome.id), outcome.took.as_secs_f64());
            let _written = write!(xml, "    <testcase classname=\"{name}\" name=\"{id}\" time=\"{seconds:.3}\"");
            if outcome.passed() {
                xml.push_str("/>\n");
                continue;
            }
            let lines = lines(outcome);
            let message = escaped(lines.first().map_or("", String::as_str));
            let text = escaped(&lines.join("\n"));
            let _written = writeln!(xml, ">\n      <failure message=\"{message}\">{text}</failure>\n    </testcase>");
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

/// Text in XML, without the characters that it cannot hold.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push('\t'),
            other if other.is_control() || matches!(other, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

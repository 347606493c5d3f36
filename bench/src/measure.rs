//! Figures, their spread, and the table they end in.

use std::fmt;
use std::time::Duration;

/// Several measurements of one thing.
#[derive(Debug, Clone)]
pub struct Figure {
    sorted: Vec<f64>,
}

impl Figure {
    /// From measurements in any order; at least one.
    pub fn new(mut measured: Vec<f64>) -> Self {
        measured.sort_by(f64::total_cmp);
        Self { sorted: measured }
    }

    /// The one in the middle.
    pub fn median(&self) -> f64 {
        self.sorted.get(self.sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// The smallest and the largest.
    pub fn range(&self) -> (f64, f64) {
        (self.sorted.first().copied().unwrap_or(f64::NAN), self.sorted.last().copied().unwrap_or(f64::NAN))
    }
}

/// The value that `percent` of the sorted `durations` do not exceed, in milliseconds.
pub fn percentile_ms(durations: &mut [Duration], percent: usize) -> f64 {
    durations.sort_unstable();
    let index = (durations.len() * percent / 100).min(durations.len().saturating_sub(1));
    durations.get(index).map_or(f64::NAN, |duration| duration.as_secs_f64() * 1_000.0)
}

struct Row {
    name: String,
    figure: Figure,
    unit: &'static str,
    target: String,
}

/// The result: a row a figure.
#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// Adds a figure, and prints it at once so that a long run shows progress.
    pub fn add(&mut self, name: impl Into<String>, figure: Figure, unit: &'static str, target: impl Into<String>) {
        let row = Row { name: name.into(), figure, unit, target: target.into() };
        println!("{row}");
        self.rows.push(row);
    }

    /// The median of an earlier figure.
    pub fn median_of(&self, name: &str) -> Option<f64> {
        self.rows.iter().find(|row| row.name == name).map(|row| row.figure.median())
    }

    /// `value` as a share of an earlier figure: `38 % of bare`.
    pub fn share_of(&self, value: f64, name: &str) -> String {
        match self.median_of(name) {
            Some(base) => format!("{:.0} % of {name}", value / base * 100.0),
            None => format!("{name} not measured"),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = self.figure.range();
        let digits = if self.figure.median() < 100.0 { 2 } else { 0 };
        write!(
            f,
            "| {:<28} | {:>10.digits$} {:<6} | {least:>9.digits$} to {most:<9.digits$} | {} |",
            self.name,
            self.figure.median(),
            self.unit,
            self.target
        )
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| what | median | range | beside |")?;
        writeln!(f, "|---|---|---|---|")?;
        for row in &self.rows {
            writeln!(f, "{row}")?;
        }
        Ok(())
    }
}

//! Counting tests in what the test runners print.

use std::fmt;
use std::ops::AddAssign;

/// Tests by their end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Adds up the lines `test result: …` of `cargo test`; `None` if there is none.
pub fn of_cargo_test(output: &str) -> Option<Counts> {
    let lines = output.lines().filter_map(|line| line.trim_start().strip_prefix("test result: "));
    let mut sum = None;
    for line in lines {
        let numbers = line.split_once(". ").map_or(line, |(_, numbers)| numbers);
        for part in numbers.split(';') {
            add(sum.get_or_insert_default(), part);
        }
    }
    sum
}

/// Reads the line `Summary [ 1.2s] …` of cargo-nextest; `None` if there is none.
pub fn of_nextest(output: &str) -> Option<Counts> {
    let line = output.lines().rev().find(|line| line.trim_start().starts_with("Summary ["))?;
    let (_, numbers) = line.split_once("run:")?;
    let mut sum = Counts::default();
    // Remarks in parentheses split the tests that passed once more: `5 passed (1 slow, 1 leaky)`.
    let mut depth = 0_u32;
    let mut plain = String::new();
    for character in numbers.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(character),
            _ => {}
        }
    }
    for part in plain.split(',') {
        add(&mut sum, part);
    }
    Some(sum)
}

/// Adds one part such as ` 3 passed` or ` 1 timed out`; parts that are no count are left out.
fn add(sum: &mut Counts, part: &str) {
    let Some((number, word)) = part.trim().split_once(' ') else { return };
    let Ok(number) = number.parse::<u64>() else { return };
    match word.trim() {
        "passed" => sum.passed += number,
        "failed" | "exec failed" | "timed out" => sum.failed += number,
        "skipped" | "ignored" => sum.skipped += number,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn counts(passed: u64, failed: u64, skipped: u64) -> Counts {
        Counts { passed, failed, skipped }
    }

    #[test]
    fn the_last_line_has_the_agreed_form() {
        assert_eq!(counts(12, 0, 3).to_string(), "12 passed, 0 failed, 3 skipped");
    }

    #[test]
    fn the_results_of_all_test_programs_are_added_up() {
        let output = "\
running 3 tests
test a ... ok
test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";
        assert_eq!(of_cargo_test(output), Some(counts(4, 2, 1)));
    }

    #[test]
    fn a_run_without_a_result_has_no_counts() {
        assert_eq!(of_cargo_test("error: could not compile `engine`"), None);
        assert_eq!(of_nextest("error: could not compile `engine`"), None);
    }

    #[test]
    fn nextest_remarks_are_not_counted_twice() {
        let output = "\
        PASS [   0.003s] ids tests::sorted
     Summary [   1.203s] 9 tests run: 7 passed (2 slow, 1 flaky, 1 leaky), 1 failed, 1 timed out, 3 skipped
";
        assert_eq!(of_nextest(output), Some(counts(7, 2, 3)));
    }

    #[test]
    fn a_nextest_run_that_was_cut_short_is_read_as_well() {
        let output = "     Summary [   0.020s] 4/10 tests run: 2 passed, 1 failed, 1 exec failed, 0 skipped";
        assert_eq!(of_nextest(output), Some(counts(2, 2, 0)));
        assert_eq!(of_nextest("     Summary [   0.020s] 1 test run: 1 passed, 0 skipped"), Some(counts(1, 0, 0)));
    }
}

//! Keys and passwords in tracked files and in everything that was ever committed.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::Bench;
use super::report::{Finding, Outcome};
use crate::failure::Failure;
use crate::process;

/// Beginnings of credentials that well-known services give out, and how many letters and digits follow at least.
const PREFIXES: [(&str, usize); 14] = [
    ("AKIA", 16),
    ("ASIA", 16),
    ("ghp_", 30),
    ("gho_", 30),
    ("ghs_", 30),
    ("github_pat_", 40),
    ("glpat-", 18),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("sk_live_", 20),
    ("sk-ant-", 30),
    ("sk-proj-", 30),
    ("AIza", 35),
    ("npm_", 36),
];

/// Names of values that ought not to be written down.
const NAMES: [&str; 6] = ["secret", "password", "passwd", "token", "api_key", "apikey"];

/// Shortest value that may be a credential, and the bits of each of its characters.
const MIN_VALUE: usize = 20;
const MIN_ENTROPY: f64 = 3.8;

/// Passwords of examples.
const PLACEHOLDERS: [&str; 8] = ["password", "secret", "***", "user", "sluice", "postgres", "pass", "x"];

/// Generated files, full of digests.
const NOT_READ: [&str; 3] = ["Cargo.lock", "package-lock.json", ".snap"];

pub fn run(bench: &Bench<'_>) -> Result<Outcome, Failure> {
    let root = bench.workspace.root();
    let mut found: BTreeMap<String, Finding> = BTreeMap::new();
    let mut git = Command::new("git");
    let files = process::output_of(git.args(["ls-files", "-z"]).current_dir(root))?;
    let mut count = 0_usize;
    for path in files.split('\0').filter(|path| !path.is_empty() && is_read(path)) {
        // Deleted and not yet committed, or no text.
        let Ok(text) = std::fs::read_to_string(root.join(path)) else { continue };
        count += 1;
        for (number, line) in text.lines().enumerate() {
            look(line, &format!("{path}:{}", number + 1), &mut found);
        }
    }
    let commits = history(bench, &mut found)?;
    Ok(Outcome::Ran(format!("{count} files, {commits} commits"), found.into_values().collect()))
}

/// The lines that commits added.
fn history(bench: &Bench<'_>, found: &mut BTreeMap<String, Finding>) -> Result<usize, Failure> {
    let mut log = Command::new("git");
    log.args(["log", "--all", "-p", "-U0", "--no-color", "--no-ext-diff", "--format=commit %h"])
        .current_dir(bench.workspace.root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = log.spawn().map_err(|error| process::cannot_run(&log, &error))?;
    let output = child.stdout.take().ok_or_else(|| Failure::message("git tells no history"))?;
    let (mut commits, mut commit, mut path) = (0, String::new(), String::new());
    for line in BufReader::new(output).split(b'\n') {
        let line = line.map_err(|error| Failure::io("cannot read the history", &error))?;
        let line = String::from_utf8_lossy(&line);
        if let Some(id) = line.strip_prefix("commit ") {
            commits += 1;
            id.clone_into(&mut commit);
        } else if let Some(name) = line.strip_prefix("+++ b/") {
            name.clone_into(&mut path);
        } else if let Some(added) = line.strip_prefix('+').filter(|_| is_read(&path)) {
            look(added, &format!("{path} in {commit}"), found);
        }
    }
    child.wait().map_err(|error| Failure::io("git did not end", &error))?;
    Ok(commits)
}

fn is_read(path: &str) -> bool {
    !NOT_READ.iter().any(|end| path.ends_with(end))
}

fn look(line: &str, place: &str, found: &mut BTreeMap<String, Finding>) {
    for (rule, value) in matches(line) {
        let id = format!("{rule}-{:016x}", fingerprint(value));
        // Never the whole value: what is printed here ends up in logs.
        let shown: String = value.chars().take(4).collect();
        found.entry(id.clone()).or_insert_with(|| Finding { id, text: format!("{place}: {shown}…") });
    }
}

/// Rules that the line breaks, each with the value that does it.
fn matches(line: &str) -> Vec<(&'static str, &str)> {
    let mut matches = Vec::new();
    matches.extend(private_key(line).map(|block| ("private-key", block)));
    for (prefix, least) in PREFIXES {
        for (at, _) in line.match_indices(prefix) {
            let begins_word = !line[..at].ends_with(|before: char| before.is_ascii_alphanumeric() || before == '_');
            let rest = word(&line[at + prefix.len()..]);
            if begins_word && rest.len() >= least {
                matches.push(("credential", &line[at..at + prefix.len() + rest.len()]));
            }
        }
    }
    for (at, _) in line.match_indices("eyJ") {
        let end =
            line[at..].find(|letter: char| !(is_word(letter) || letter == '.')).map_or(line.len(), |end| at + end);
        let token = &line[at..end];
        if token.len() >= 60 && token.matches('.').count() == 2 {
            matches.push(("json-web-token", token));
        }
    }
    matches.extend(password_in_url(line).map(|password| ("password-in-url", password)));
    matches.extend(assigned(line).map(|value| ("assigned-secret", value)));
    matches
}

/// The first line of a block with a private key, of whatever sort.
fn private_key(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("-----BEGIN ")?;
    let (sort, _) = rest.split_once("PRIVATE KEY-----")?;
    sort.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b' ').then(|| line.trim())
}

fn password_in_url(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("://")?;
    let authority = rest.split(|letter: char| letter.is_whitespace() || "/\"'`<>)".contains(letter)).next()?;
    let (user_info, _host) = authority.rsplit_once('@')?;
    let (_user, password) = user_info.split_once(':')?;
    let is_variable = password.contains(['{', '$', '…', '*']) || password.is_empty();
    let is_known = PLACEHOLDERS.iter().any(|known| password.eq_ignore_ascii_case(known));
    (!is_variable && !is_known && password.len() >= 8).then_some(password)
}

/// A quoted value that looks drawn at random, behind the name of something secret.
fn assigned(line: &str) -> Option<&str> {
    let lower = line.to_ascii_lowercase();
    let name = NAMES.iter().filter_map(|name| lower.find(name).map(|at| at + name.len())).min()?;
    let rest = line.get(name..)?;
    let sign = rest.find([':', '='])?;
    let quote = rest[sign..].find(['"', '\''])? + sign;
    let value = &rest[quote + 1..];
    let value = &value[..value.find(['"', '\''])?];
    let is_plain = value.chars().all(|letter| is_word(letter) || "+/=.".contains(letter));
    let has_digits = value.chars().filter(char::is_ascii_digit).count() >= 2;
    (value.len() >= MIN_VALUE && is_plain && has_digits && entropy(value) >= MIN_ENTROPY).then_some(value)
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == '-'
}

fn word(text: &str) -> &str {
    &text[..text.find(|letter: char| !is_word(letter)).unwrap_or(text.len())]
}

/// Bits for each character, by how often each occurs.
fn entropy(text: &str) -> f64 {
    let mut counts: BTreeMap<char, f64> = BTreeMap::new();
    for letter in text.chars() {
        *counts.entry(letter).or_default() += 1.0;
    }
    let length: f64 = counts.values().sum();
    counts.values().map(|count| -(count / length) * (count / length).log2()).sum()
}

/// FNV-1a: tells values apart without telling them.
fn fingerprint(value: &str) -> u64 {
    value.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(line: &str) -> Vec<&'static str> {
        matches(line).into_iter().map(|(rule, _value)| rule).collect()
    }

    /// Put together here, so that this file is not found by its own rules.
    #[test]
    fn what_looks_like_a_credential_is_found() {
        let random = "q7Zr2Lx9Vb4Kp8Wm3Ns6Td1Yc5";
        let found = [
            (format!("-----BEGIN {} PRIVATE KEY-----", "RSA"), "private-key"),
            (format!("key: {}{}", "AKIA", "ABCDEFGHIJKLMNOP"), "credential"),
            (format!("{}{random}{random}", "ghp_"), "credential"),
            (format!("postgres://me:{random}@db.internal/x"), "password-in-url"),
            (format!("api_key = \"{random}\""), "assigned-secret"),
            (format!("x {}{}.{}.{}", "eyJ", "a".repeat(30), "b".repeat(30), "c"), "json-web-token"),
        ];
        for (line, rule) in found {
            assert_eq!(rules(&line), [rule], "{line}");
        }
    }

    #[test]
    fn examples_and_ordinary_code_are_left_alone() {
        for line in [
            "postgres://user:password@host:5432/database",
            "let url = format!(\"postgres://{user}:{password}@{host}\");",
            "token: &str = \"the token of whoever asks for this\"",
            "const SECRET: &str = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\";",
            "password_file = \"/run/secrets/database_password\"",
            "task-AKIA is not a key",
        ] {
            assert_eq!(rules(line), Vec::<&str>::new(), "{line}");
        }
    }
}

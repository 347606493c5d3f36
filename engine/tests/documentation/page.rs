//! The blocks of a page: definitions, what is said to happen with them, conditions, templates.

use serde_json::Value;

/// A fenced block with the line on which it begins.
#[derive(Debug, Clone)]
pub struct Block {
    /// What stands behind the fence, such as `yaml conditions`.
    pub kind: String,
    pub line: usize,
    pub text: String,
}

/// A definition with every run of it that the page describes.
#[derive(Debug)]
pub struct Example {
    pub definition: Block,
    pub runs: Vec<Block>,
}

/// YAML as definitions are read: `y`, `n`, `on` and `off` are texts.
pub fn yaml(block: &Block) -> Value {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(&block.text, options)
        .unwrap_or_else(|problem| panic!("line {}: the block cannot be read: {problem}", block.line))
}

pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in page.lines().enumerate() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(""), Some(block)) => blocks.push(block),
            (Some(kind), None) => {
                open = Some(Block { kind: kind.trim().to_owned(), line: index + 1, text: String::new() });
            }
            (_, Some(mut block)) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "the block of line {} is not closed", open.map_or(0, |block| block.line));
    blocks
}

/// The definitions, each with the blocks `json test` that follow it.
pub fn examples(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut follows_definition = false;
    for block in blocks(page) {
        match block.kind.as_str() {
            "yaml" => {
                examples.push(Example { definition: block, runs: Vec::new() });
                follows_definition = true;
            }
            "json test" => match examples.last_mut().filter(|_| follows_definition) {
                Some(example) => example.runs.push(block),
                None => panic!("line {}: a test that follows no definition", block.line),
            },
            _other => follows_definition = false,
        }
    }
    examples
}

/// The entries of all blocks of a kind, each with the line of its block.
pub fn entries(page: &str, kind: &str) -> Vec<(usize, Value)> {
    let found = blocks(page).into_iter().filter(|block| block.kind == kind);
    found
        .flat_map(|block| {
            let entries = yaml(&block).as_array().cloned().unwrap_or_else(|| panic!("line {}: no list", block.line));
            entries.into_iter().map(move |entry| (block.line, entry))
        })
        .collect()
}

/// Every value that stands under `key`, however deep.
pub fn under(value: &Value, key: &str, found: &mut Vec<Value>) {
    match value {
        Value::Array(members) => members.iter().for_each(|member| under(member, key, found)),
        Value::Object(fields) => {
            found.extend(fields.get(key).cloned());
            fields.values().for_each(|field| under(field, key, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

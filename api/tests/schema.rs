//! The committed schema is the one that the code makes.

#[test]
fn the_committed_schema_is_the_one_that_the_code_makes() {
    let committed = include_str!("../../schema.graphql");
    assert_eq!(sluice_api::graphql::sdl(), committed, "run `cargo xtask schema` and commit schema.graphql");
}

#[test]
fn every_code_of_the_api_has_a_page() {
    let index = include_str!("../../docs/errors/README.md");
    for code in service::Code::ALL {
        let link = format!("[{code}]({code}.md)", code = code.as_str());
        assert!(index.contains(&link), "docs/errors/README.md does not list {}", code.as_str());
    }
}

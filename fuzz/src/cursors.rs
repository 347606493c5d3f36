//! Cursors of lists. The service's tests include this file, so that the same function runs on the stable toolchain.

use ids::OrganizationId;
use serde_json::Value;
use service::SecretKey;
use service::cursor::Seal;

/// A text as a cursor, which nobody has sealed; and the JSON value that the text is, sealed and read again.
pub fn cursor(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let organization = OrganizationId::new();
    let seal = Seal::new(SecretKey::new([7; 32]), organization);
    for list in ["events:DESC", ""] {
        let refused = seal.read::<Value>(list, text, "after").expect_err("nobody has sealed it");
        assert_eq!(refused.field, ["after"]);
        assert!(refused.message.len() <= 200, "what came is not repeated");
    }
    let Ok(position) = serde_json::from_str::<Value>(text) else { return };
    let sealed = seal.write("events:DESC", &position);
    match seal.read::<Value>("events:DESC", &sealed, "after") {
        // A fraction is read to the last place but one.
        Ok(read) => assert!(read == position || text.contains(['.', 'e', 'E']), "it leads back to its place"),
        Err(_too_long_or_too_deep) => assert!(sealed.len() > 1_024 || text.contains('[') || text.contains('{')),
    }
    assert!(seal.read::<Value>("events:ASC", &sealed, "after").is_err(), "it belongs to its list");
    let typed = seal.read::<(i64, String)>("events:DESC", &sealed, "after");
    assert!(typed.is_err() || position.is_array(), "it is read as what it is");
    let stranger = Seal::new(SecretKey::new([7; 32]), OrganizationId::new());
    assert!(stranger.read::<Value>("events:DESC", &sealed, "after").is_err(), "it is one organization's");
}

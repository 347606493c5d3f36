//! Persisted GraphQL documents.

use crate::harness::Database;
use crate::on_both_databases;

on_both_databases! {
    async fn a_document_is_kept_for_its_organization_and_no_other(database: &Database) {
        let (store, own) = (&database.store, database.organization);
        let stranger = store.ensure_organization("stranger", "Stranger", 1).await.unwrap();
        store.keep_document(own, "d1", "{ a }", 10, 1).await.unwrap();
        assert_eq!(store.persisted_document(own, "d1").await.unwrap().as_deref(), Some("{ a }"));
        assert_eq!(store.persisted_document(stranger, "d1").await.unwrap(), None);
        assert_eq!(store.persisted_document(own, "d2").await.unwrap(), None);
    }

    async fn a_document_that_is_there_is_never_replaced_by_another(database: &Database) {
        let (store, own) = (&database.store, database.organization);
        store.keep_document(own, "d1", "{ a }", 10, 1).await.unwrap();
        store.keep_document(own, "d1", "{ poison }", 10, 2).await.unwrap();
        assert_eq!(store.persisted_document(own, "d1").await.unwrap().as_deref(), Some("{ a }"));
    }

    async fn the_oldest_document_gives_way_when_there_are_too_many(database: &Database) {
        let (store, own) = (&database.store, database.organization);
        let stranger = store.ensure_organization("stranger", "Stranger", 1).await.unwrap();
        store.keep_document(stranger, "d1", "{ theirs }", 3, 1).await.unwrap();
        for (number, digest) in ["d1", "d2", "d3", "d4"].into_iter().enumerate() {
            store.keep_document(own, digest, digest, 3, i64::try_from(number).unwrap()).await.unwrap();
        }
        let mut left = Vec::new();
        for digest in ["d1", "d2", "d3", "d4"] {
            left.extend(store.persisted_document(own, digest).await.unwrap());
        }
        assert_eq!(left, ["d2", "d3", "d4"]);
        // What is sent again pushes nothing out.
        store.keep_document(own, "d4", "d4", 3, 9).await.unwrap();
        assert!(store.persisted_document(own, "d2").await.unwrap().is_some());
        assert!(store.persisted_document(stranger, "d1").await.unwrap().is_some());
    }
}

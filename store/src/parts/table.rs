//! What the tables of parts have in common: names of their own in the organization, pages, and who may not be left
//! without.

use ids::OrganizationId;
use sea_orm::sea_query::{Condition, LockType, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use super::uses;
use crate::backend::{Dialect, WriteTransaction};
use crate::error::StoreError;
use crate::filter::contains;
use crate::model::part::{PartFilter, PartKind};
use crate::page::{self, Cursor, Direction, Page, PageRequest, Sort, SortKey};
use crate::store::Store;

/// Names in one question: databases bound the number of values.
const AT_ONCE: usize = 500;
/// Words that are looked for at most.
const MAX_WORDS: usize = 8;

/// A table of parts.
pub trait Part: EntityTrait {
    /// A row as it is handed out.
    type Row;
    /// The table.
    const TABLE: &'static str;
    /// What definitions name it as.
    const KIND: PartKind;

    fn id() -> Self::Column;
    fn organization() -> Self::Column;
    fn name() -> Self::Column;
    fn row(model: Self::Model) -> Result<Self::Row, StoreError>;
    fn id_of(row: &Self::Row) -> Uuid;
}

/// Those of an organization.
pub fn of<E: Part>(organization: OrganizationId) -> Select<E> {
    E::find().filter(E::organization().eq(organization.uuid()))
}

/// Several by id, in any order; unknown ones are left out.
pub async fn by_ids<E: Part>(
    store: &Store,
    organization: OrganizationId,
    ids: Vec<Uuid>,
) -> Result<Vec<E::Row>, StoreError> {
    let mut found = Vec::with_capacity(ids.len());
    for ids in ids.chunks(AT_ONCE) {
        let select = of::<E>(organization).filter(E::id().is_in(ids.iter().copied()));
        for model in select.all(&store.backend.reads_of(organization)).await? {
            found.push(E::row(model)?);
        }
    }
    Ok(found)
}

/// Several by name, in any order; unknown ones are left out.
pub async fn by_names<E: Part>(
    store: &Store,
    organization: OrganizationId,
    names: &[String],
) -> Result<Vec<E::Row>, StoreError> {
    let mut found = Vec::with_capacity(names.len());
    for names in names.chunks(AT_ONCE) {
        let select = of::<E>(organization).filter(E::name().is_in(names.iter().map(String::as_str)));
        for model in select.all(&store.backend.reads_of(organization)).await? {
            found.push(E::row(model)?);
        }
    }
    Ok(found)
}

/// A page of those that fulfil `condition`, newest first.
pub async fn page<E: Part>(
    store: &Store,
    organization: OrganizationId,
    condition: Condition,
    request: &PageRequest,
) -> Result<Page<E::Row>, StoreError> {
    let select = of::<E>(organization).filter(condition);
    let sort = Sort { key: None, table: E::TABLE, direction: Direction::Descending };
    let cursor = |row: &E::Row| Cursor { key: SortKey::None(()), id: E::id_of(row) };
    let row = |model: E::Model| E::row(model);
    page::read(&store.backend.reads_of(organization), select, &sort, request, row, cursor).await
}

/// How many fulfil `condition`, counted up to ten thousand; false when counting stopped there.
pub async fn count<E: Part>(
    store: &Store,
    organization: OrganizationId,
    condition: Condition,
) -> Result<(u64, bool), StoreError> {
    let select = of::<E>(organization).filter(condition);
    page::count(&store.backend.reads_of(organization), select).await
}

/// Whether there are `most` already.
pub async fn is_full<E: Part>(
    transaction: &WriteTransaction,
    organization: OrganizationId,
    most: u64,
) -> Result<bool, StoreError> {
    let select = of::<E>(organization).select_only().column(E::id()).limit(most);
    let some: Vec<Uuid> = select.into_tuple().all(&**transaction).await?;
    Ok(some.len() as u64 >= most)
}

/// Whether there is one with this name.
pub async fn exists<E: Part>(
    transaction: &WriteTransaction,
    organization: OrganizationId,
    name: &str,
) -> Result<bool, StoreError> {
    Ok(of::<E>(organization).filter(E::name().eq(name)).one(&**transaction).await?.is_some())
}

/// The name of one.
pub async fn name_of<E: Part>(
    transaction: &WriteTransaction,
    organization: OrganizationId,
    id: Uuid,
) -> Result<Option<String>, StoreError> {
    let select = of::<E>(organization).filter(E::id().eq(id)).select_only().column(E::name());
    Ok(select.into_tuple().one(&**transaction).await?)
}

/// Deletes one, and tells whether a published version names it: then the transaction is not to be committed. `None`
/// when there is none such.
pub async fn delete<E: Part>(
    transaction: &WriteTransaction,
    organization: OrganizationId,
    id: Uuid,
    name: &str,
) -> Result<Option<bool>, StoreError> {
    // The row first: whoever publishes a version that names it waits for this, or is waited for.
    let deleted = E::delete_many()
        .filter(E::id().eq(id))
        .filter(E::organization().eq(organization.uuid()))
        .exec(&**transaction)
        .await?;
    if deleted.rows_affected == 0 {
        return Ok(None);
    }
    uses::is_used(transaction, organization, E::KIND, name).await.map(Some)
}

/// Holds those with one of these names until the end of the transaction, against being deleted; how many there are.
pub async fn keep<E: Part>(
    transaction: &WriteTransaction,
    organization: OrganizationId,
    names: &[&str],
) -> Result<usize, StoreError> {
    let mut kept = 0;
    for names in names.chunks(AT_ONCE) {
        let select = of::<E>(organization)
            .filter(E::name().is_in(names.iter().copied()))
            .select_only()
            .column(E::id())
            .order_by_asc(E::id())
            .lock(LockType::KeyShare);
        let found: Vec<Uuid> = select.into_tuple().all(&**transaction).await?;
        kept += found.len();
    }
    Ok(kept)
}

/// What a filter means for a table with these columns for the name and the description.
pub fn fitting(filter: &PartFilter, [name, description]: [SimpleExpr; 2], dialect: Dialect) -> Condition {
    let mut all = Condition::all().add_option(filter.name.as_ref().map(|wanted| wanted.condition(&name, dialect)));
    for word in filter.search.iter().flat_map(|search| search.split_whitespace().take(MAX_WORDS)) {
        let columns = [name.clone(), description.clone()];
        all =
            all.add(columns.into_iter().fold(Condition::any(), |any, column| any.add(contains(column, word, dialect))));
    }
    all
}

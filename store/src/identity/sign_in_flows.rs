//! Sign-ins at identity providers that have begun. Each is found by what its browser brings back, and once.

use entity::sign_in_flow::{ActiveModel, Column, Entity, Model};
use ids::IdentityProviderId;
use sea_orm::sea_query::Query;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use crate::error::StoreError;
use crate::model::single_sign_on::SignInFlowRow;
use crate::store::Store;

/// How many that expired are swept when another begins.
const SWEPT: u64 = 100;

fn row(model: Model) -> SignInFlowRow {
    SignInFlowRow {
        state_hash: model.state_hash,
        provider_id: IdentityProviderId::from_uuid(model.provider_id),
        nonce: model.nonce,
        code_verifier: model.code_verifier,
        browser_hash: model.browser_hash,
        created_at_ms: model.created_at_ms,
        expires_at_ms: model.expires_at_ms,
    }
}

impl Store {
    /// Records that a sign-in has begun, and sweeps some that expired before.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn insert_sign_in_flow(&self, flow: SignInFlowRow) -> Result<(), StoreError> {
        let now_ms = flow.created_at_ms;
        let model = ActiveModel {
            state_hash: Set(flow.state_hash),
            provider_id: Set(flow.provider_id.uuid()),
            nonce: Set(flow.nonce),
            code_verifier: Set(flow.code_verifier),
            browser_hash: Set(flow.browser_hash),
            created_at_ms: Set(flow.created_at_ms),
            expires_at_ms: Set(flow.expires_at_ms),
        };
        let expired = Query::select()
            .column(Column::StateHash)
            .from(Entity)
            .and_where(Column::ExpiresAtMs.lt(now_ms))
            .limit(SWEPT)
            .to_owned();
        let transaction = self.backend.begin().await?;
        Entity::delete_many().filter(Column::StateHash.in_subquery(expired)).exec(&*transaction).await?;
        Entity::insert(model).exec_without_returning(&*transaction).await?;
        transaction.commit().await
    }

    /// Takes what has begun with this state: whoever comes first has it, and nobody after them. One that
    /// expired is found no more.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn take_sign_in_flow(&self, state_hash: &str, now_ms: i64) -> Result<Option<SignInFlowRow>, StoreError> {
        let transaction = self.backend.begin().await?;
        let delete = Entity::delete_many().filter(Column::StateHash.eq(state_hash));
        let taken = delete.exec_with_returning(&*transaction).await?;
        transaction.commit().await?;
        Ok(taken.into_iter().map(row).find(|flow| flow.expires_at_ms > now_ms))
    }
}

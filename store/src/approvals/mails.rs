//! Mails that whoever may decide is owed since an approval was opened, or its reminder or escalation came due: each is
//! taken on by one, and settled once.

use entity::approval::{Column, Entity};
use entity::approval_link;
use ids::{ApprovalId, OrganizationId};
use sea_orm::sea_query::{Condition, Expr};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::change::is_open;
use super::row;
use crate::error::StoreError;
use crate::model::approval::{ApprovalRow, ApprovalStatus};
use crate::model::approval_hands::LinkRow;
use crate::store::Store;

impl Store {
    /// Approvals of which whoever may decide is owed a mail and that nobody has taken on, those that wait longest first.
    ///
    /// Serves all organizations.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn approvals_to_mail(&self, now_ms: i64, limit: u64) -> Result<Vec<ApprovalRow>, StoreError> {
        let owed = Entity::find()
            .filter(Expr::cust("mail_at_ms is not null"))
            .filter(Column::MailAtMs.lte(now_ms))
            .order_by_asc(Column::MailAtMs)
            .order_by_asc(Column::Id)
            .limit(limit);
        owed.all(self.backend.reads()).await?.into_iter().map(row).collect()
    }

    /// Takes on the mails that are owed of an approval until `until_ms`; false when others have, or nothing is owed.
    ///
    /// # Errors
    /// When the database is away: then it may have been taken on all the same, and others go on at `until_ms`.
    pub async fn claim_approval_mail(
        &self,
        organization: OrganizationId,
        id: ApprovalId,
        now_ms: i64,
        until_ms: i64,
    ) -> Result<bool, StoreError> {
        let transaction = self.backend.begin().await?;
        let claimed = Entity::update_many()
            .col_expr(Column::MailAtMs, Expr::val(until_ms))
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::MailAtMs.lte(now_ms))
            .exec(&*transaction)
            .await?;
        transaction.commit().await?;
        Ok(claimed.rows_affected > 0)
    }

    /// Settles what is owed of an approval, with the links that are sent. False when nothing is to be sent: others have
    /// settled it, it is open no more, or it is another `revision` than the one of which was found out who is asked.
    /// Then the mail stays owed, or others would never hear of it who may decide only since.
    ///
    /// # Errors
    /// When the database is away: then it may have been settled all the same, and nothing is sent.
    pub async fn settle_approval_mail(
        &self,
        organization: OrganizationId,
        id: ApprovalId,
        revision: i32,
        links: Vec<LinkRow>,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let is_the_same =
            Condition::any().add(Column::Revision.eq(revision)).add(Column::Status.ne(ApprovalStatus::Pending.code()));
        let transaction = self.backend.begin().await?;
        let settled = Entity::update_many()
            .col_expr(Column::MailAtMs, Expr::val(None::<i64>))
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::MailAtMs.is_not_null())
            .filter(is_the_same)
            .exec(&*transaction)
            .await?;
        if settled.rows_affected == 0 {
            return Ok(false);
        }
        let open = Entity::find().filter(is_open(organization, id, now_ms)).one(&*transaction).await?.is_some();
        if open && !links.is_empty() {
            let links = links.into_iter().map(super::links::model);
            approval_link::Entity::insert_many(links).exec_without_returning(&*transaction).await?;
        }
        transaction.commit().await?;
        Ok(open)
    }
}

//! Quotas that several processes share: one script and one key for each call.

use async_trait::async_trait;
use logistics_core::port::{PortError, Quota, QuotaState, SharedQuota};

use crate::error::RedisStoreError;
use crate::script::QUOTA;
use crate::store::RedisStore;

#[async_trait]
impl SharedQuota for RedisStore {
    async fn take(&self, key: &str, quota: Quota, units: u32) -> Result<QuotaState, PortError> {
        Ok(self.take_units(key, quota, units).await?)
    }
}

impl RedisStore {
    async fn take_units(&self, key: &str, quota: Quota, units: u32) -> Result<QuotaState, RedisStoreError> {
        let key = self.keys().quota(key);
        let arguments = [quota.interval_ns(), u64::from(quota.burst()), u64::from(units)];
        let mut conn = self.connections().conn().await?;
        let reply = conn.script(|by| QUOTA.small_call(by, &[&key], &arguments)).await?;
        let (granted, remaining, wait_us): (u32, u32, u64) = reply;
        Ok(QuotaState { granted, remaining, wait_us })
    }
}

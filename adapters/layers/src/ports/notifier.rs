//! The notifier.

use async_trait::async_trait;
use logistics_core::notify::Notification;
use logistics_core::port::{Notifier, NotifyError};

use crate::layer::{Layer, Operation};
use crate::layered::Layered;

#[async_trait]
impl<P: Notifier + ?Sized, L: Layer> Notifier for Layered<P, L> {
    async fn notify(&self, notification: &Notification) -> Result<(), NotifyError> {
        let notify = Operation { port: "notifier", name: "notify" };
        self.layer.call(notify, self.port.notify(notification)).await
    }
}

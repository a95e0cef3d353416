//! Orders by status.

use super::catalogue::{Family, STATUS, Subject};
use super::page::Page;
use super::readings::Readings;

const ORDERS: Family = Family::gauge(
    "logistics_orders",
    "orders",
    &[STATUS],
    "The number of orders in a status, from the index of the store.",
);

const OLDEST: Family = Family::gauge(
    "logistics_oldest_order_seconds",
    "seconds",
    &[STATUS],
    "Time since the last change of the order that has not changed for the longest time; 0 if no order is in the status.",
);

pub(super) const SUBJECT: Subject = Subject {
    title: "Orders",
    text: "Of processes that read the index of the store. Several processes report the same orders; use `max by (status)`. \
           `logistics_oldest_order_seconds` exists for the statuses that an order leaves again.",
    families: &[ORDERS, OLDEST],
};

pub(super) fn expose(readings: &Readings, page: &mut Page) {
    let mut series = page.family(&ORDERS);
    for (status, orders) in &readings.orders {
        series.count(&[status.name()], orders.count);
    }
    let mut series = page.family(&OLDEST);
    for (status, orders) in readings.orders.iter().filter(|(status, _)| !status.is_terminal()) {
        series.value(&[status.name()], readings.age(orders.oldest_change));
    }
}

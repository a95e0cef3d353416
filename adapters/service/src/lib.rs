#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod admission;
mod append;
mod assign;
pub mod audit;
mod authenticate;
mod budget;
mod change;
mod command;
mod document;
mod error;
mod find;
mod history;
mod idempotency;
mod limit;
mod list;
mod live;
mod log_page;
mod options;
mod outcome;
mod ownership;
mod place;
mod principal;
mod progress;
mod readers;
mod seen;
mod service;
mod single_flight;
mod tracking;
mod transition;
mod webhooks;

pub use authenticate::{AuthError, Authenticator, ClientCertificate, Credentials, NoAuthentication};
pub use budget::{Budget, Reservation};
pub use command::{Action, Assign, Place, Transition};
pub use document::Document;
pub use error::ServiceError;
pub use history::History;
pub use idempotency::{IDEMPOTENCY_KEY_BYTES_MAX, IdempotencyKey, InvalidIdempotencyKey};
pub use limit::{LimitState, LimitedCaller, Limiter, NoLimits, RouteClass};
pub use list::{OrderPage, PAGE_ORDERS};
pub use live::{
    AllEvent, AllQuery, AllStream, CALLER_STREAMS_MAX, InvalidPosition, LiveEnd, LiveEvent, LiveFact,
    LiveFeed, LivePosition, OrderStream, STREAMS_MAX, StreamLimits, StreamPermit,
};
pub use log_page::{LogPage, LogQuery, LogStart, PAGE_RECORDS, PAGE_RECORDS_MAX};
pub use options::Options;
pub use place::Placed;
pub use principal::{Principal, Role, Scope};
pub use service::OrderService;
pub use tracking::{
    LinkId, NoTrackingKey, RevokeTracking, TRACKING_KEY_BYTES, TRACKING_TTL_MS_MIN, TrackingKeys,
    TrackingLink, TrackingOptions,
};
pub use transition::Transitioned;
pub use webhooks::{
    ChangeEndpoint, CreateEndpoint, DeadLetter, InvalidSealingKeys, REDRIVEN_MAX, RedriveSelection, Redriven,
    RotateSecret, SEALING_KEY_BYTES, SealingKeys, TestResult, WebhookError, WebhookOptions, Webhooks,
    WithSecret,
};

//! Flags of processes that serve the API: how clients authenticate.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use logistics_access::{
    Access, AccessConfig, ClaimNames, JwksUrl, JwtAlgorithm, JwtConfig, JwtKeys, jwks_breaker_settings,
};
use logistics_cli_kit::{Failure, Span};
use logistics_layers::CircuitBreaker;
use logistics_service::{Authenticator, NoAuthentication};
use logistics_tokio::SystemClock;

use crate::telemetry::Telemetry;

/// A way to authenticate.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// No authentication: every client is an operator
    None,
    /// JSON Web Tokens of an issuer
    Jwt,
    /// API keys of a key file
    Keys,
    /// Client certificates of a key file
    Certificates,
}

/// Flags of processes that serve the API.
#[derive(Args, Debug, Clone, Default)]
pub struct AuthArgs {
    /// How clients authenticate, separated by commas. Required unless the API listens on a loopback address
    /// [default on a loopback address: none]
    #[arg(long, env = "LOGISTICS_AUTH", value_enum, value_delimiter = ',', value_name = "WAYS")]
    auth: Vec<Way>,
    /// The file with API keys and client certificates, see `logistics keys`. A change counts within seconds
    #[arg(long, env = "LOGISTICS_API_KEYS_FILE", value_name = "FILE")]
    api_keys_file: Option<PathBuf>,
    #[command(flatten)]
    jwt: JwtArgs,
}

/// Flags of tokens.
#[derive(Args, Debug, Clone, Default)]
struct JwtArgs {
    /// The issuer of tokens: `iss` exactly, including a slash at its end
    #[arg(long, env = "LOGISTICS_JWT_ISSUER", value_name = "TEXT")]
    jwt_issuer: Option<String>,
    /// The audience of tokens: `aud` must contain it. Not the id of a client, because ID tokens have that audience
    #[arg(long, env = "LOGISTICS_JWT_AUDIENCE", value_name = "TEXT")]
    jwt_audience: Option<String>,
    /// Permitted algorithms, separated by commas [default: all]
    #[arg(long, env = "LOGISTICS_JWT_ALGORITHM", value_delimiter = ',', value_parser = algorithm(), value_name = "NAMES")]
    jwt_algorithm: Vec<JwtAlgorithm>,
    /// The issuer's public keys: a file with a JWK set, a JWK, or public keys in PEM. Read once, at the start
    #[arg(long, env = "LOGISTICS_JWT_KEY_FILE", value_name = "FILE")]
    jwt_key_file: Option<PathBuf>,
    /// The URL of the issuer's JWK set. https, except on this machine
    #[arg(long, env = "LOGISTICS_JWT_JWKS_URL", value_name = "URL")]
    jwt_jwks_url: Option<String>,
    /// Permit http in --jwt-jwks-url. Only for networks that encrypt by themselves
    #[arg(long, env = "LOGISTICS_JWT_JWKS_ALLOW_HTTP")]
    jwt_jwks_allow_http: bool,
    /// Tolerance of clocks for `exp` and `nbf` [default: 60s]
    #[arg(long, env = "LOGISTICS_JWT_LEEWAY", value_name = "TIME")]
    jwt_leeway: Option<Span>,
    /// The claim with role names, or a path with dots [default: roles]
    #[arg(long, env = "LOGISTICS_JWT_CLAIM_ROLES", value_name = "NAME")]
    jwt_claim_roles: Option<String>,
    /// The claim with scopes [default: scope]
    #[arg(long, env = "LOGISTICS_JWT_CLAIM_SCOPE", value_name = "NAME")]
    jwt_claim_scope: Option<String>,
    /// The claim with the id of a customer [default: customer_id]
    #[arg(long, env = "LOGISTICS_JWT_CLAIM_CUSTOMER_ID", value_name = "NAME")]
    jwt_claim_customer_id: Option<String>,
    /// The claim with the id of a merchant [default: merchant_id]
    #[arg(long, env = "LOGISTICS_JWT_CLAIM_MERCHANT_ID", value_name = "NAME")]
    jwt_claim_merchant_id: Option<String>,
    /// The claim with the id of a courier [default: courier_id]
    #[arg(long, env = "LOGISTICS_JWT_CLAIM_COURIER_ID", value_name = "NAME")]
    jwt_claim_courier_id: Option<String>,
}

fn algorithm() -> impl TypedValueParser<Value = JwtAlgorithm> {
    PossibleValuesParser::new(JwtAlgorithm::ALL.map(JwtAlgorithm::name))
        .try_map(|name| JwtAlgorithm::from_name(&name).ok_or("unknown algorithm"))
}

impl AuthArgs {
    /// Whether `--auth` contains client certificates, so that the listener must request them.
    #[must_use]
    pub fn accepts_certificates(&self) -> bool {
        self.auth.contains(&Way::Certificates)
    }

    /// The authenticator of an API that listens on this address, and the circuit breaker of its JWK set. It follows its key sources
    /// for as long as it lives, so this must be called within a Tokio runtime.
    ///
    /// # Errors
    /// If the flags are inconsistent, a file cannot be used, or `--auth` is missing for an address that other machines may reach.
    pub fn authenticator(
        &self,
        listen: SocketAddr,
        telemetry: &Telemetry,
    ) -> Result<(Arc<dyn Authenticator>, Option<CircuitBreaker>), Failure> {
        let Some(config) = self.config(listen)? else { return Ok((Arc::new(NoAuthentication), None)) };
        let breaker = config.fetches_keys().then(|| telemetry.breaker("jwks", jwks_breaker_settings()));
        let access = Access::start_guarded(config, Arc::new(SystemClock), breaker.clone());
        Ok((Arc::new(access.map_err(|error| Failure::usage(error.to_string()))?), breaker))
    }

    /// Logs one warning if every client of the API at this address is an operator.
    pub fn announce(&self, listen: SocketAddr) {
        if self.auth.iter().all(|way| *way == Way::None) {
            tracing::warn!(
                "AUTHENTICATION IS OFF: every client that reaches {listen} is an operator; set --auth to change that"
            );
        }
    }

    /// `None`: no authentication.
    fn config(&self, listen: SocketAddr) -> Result<Option<AccessConfig>, Failure> {
        let has = |way| self.auth.contains(&way);
        if self.auth.is_empty() {
            return self.unprotected(listen).map(|()| None);
        }
        if has(Way::None) {
            let is_alone = self.auth.iter().all(|way| *way == Way::None);
            return is_alone
                .then_some(None)
                .ok_or_else(|| Failure::usage("--auth none permits no other way beside it"));
        }
        let mut config = AccessConfig::default();
        (config.api_keys, config.certificates) = (has(Way::Keys), has(Way::Certificates));
        config.key_file = match (config.api_keys || config.certificates, &self.api_keys_file) {
            (true, None) => return Err(Failure::usage("--auth keys and certificates need --api-keys-file")),
            (false, Some(_)) => {
                return Err(Failure::usage("--api-keys-file needs --auth keys or --auth certificates"));
            }
            (_, file) => file.clone(),
        };
        config.jwt = match (has(Way::Jwt), self.jwt.given()) {
            (true, _) => Some(self.jwt.config()?),
            (false, Some(flag)) => return Err(Failure::usage(format!("{flag} needs --auth jwt"))),
            (false, None) => None,
        };
        Ok(Some(config))
    }

    /// Permits the lack of `--auth` where only this machine reaches the API, and no other flag shows that it was forgotten.
    fn unprotected(&self, listen: SocketAddr) -> Result<(), Failure> {
        let given = self.jwt.given().or(self.api_keys_file.is_some().then_some("--api-keys-file"));
        if let Some(flag) = given {
            return Err(Failure::usage(format!("{flag} has no effect without --auth")));
        }
        if listen.ip().is_loopback() {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "other machines can reach {listen}: set --auth jwt, keys or certificates, or --auth none if every client may act as \
             an operator"
        )))
    }
}

impl JwtArgs {
    /// A flag that is given.
    fn given(&self) -> Option<&'static str> {
        let flags = [
            (self.jwt_issuer.is_some(), "--jwt-issuer"),
            (self.jwt_audience.is_some(), "--jwt-audience"),
            (!self.jwt_algorithm.is_empty(), "--jwt-algorithm"),
            (self.jwt_key_file.is_some(), "--jwt-key-file"),
            (self.jwt_jwks_url.is_some(), "--jwt-jwks-url"),
        ];
        flags.into_iter().find(|(is_given, _)| *is_given).map(|(_, flag)| flag)
    }

    fn config(&self) -> Result<(JwtConfig, JwtKeys), Failure> {
        let required = |value: &Option<String>, flag: &str| {
            let value = value.clone().filter(|value| !value.is_empty());
            value.ok_or_else(|| Failure::usage(format!("--auth jwt needs {flag}")))
        };
        let issuer = required(&self.jwt_issuer, "--jwt-issuer")?;
        let mut config = JwtConfig::new(issuer, required(&self.jwt_audience, "--jwt-audience")?);
        if !self.jwt_algorithm.is_empty() {
            config.algorithms = self.jwt_algorithm.clone();
        }
        if let Some(leeway) = self.jwt_leeway {
            config.leeway_s = leeway.ms / 1000;
        }
        config.claims = self.claims();
        Ok((config, self.keys()?))
    }

    fn keys(&self) -> Result<JwtKeys, Failure> {
        match (&self.jwt_key_file, &self.jwt_jwks_url) {
            (Some(file), None) => Ok(JwtKeys::File(file.clone())),
            (None, Some(url)) => {
                let parse = if self.jwt_jwks_allow_http { JwksUrl::parse_with_plain } else { JwksUrl::parse };
                let url = parse(url)
                    .map_err(|problem| Failure::usage(format!("--jwt-jwks-url is invalid: {problem}")))?;
                Ok(JwtKeys::Url(url))
            }
            (Some(_), Some(_)) => Err(Failure::usage("give --jwt-key-file or --jwt-jwks-url, not both")),
            (None, None) => Err(Failure::usage("--auth jwt needs --jwt-jwks-url or --jwt-key-file")),
        }
    }

    fn claims(&self) -> ClaimNames {
        let mut claims = ClaimNames::default();
        for (name, given) in [
            (&mut claims.roles, &self.jwt_claim_roles),
            (&mut claims.scope, &self.jwt_claim_scope),
            (&mut claims.customer_id, &self.jwt_claim_customer_id),
            (&mut claims.merchant_id, &self.jwt_claim_merchant_id),
            (&mut claims.courier_id, &self.jwt_claim_courier_id),
        ] {
            if let Some(given) = given {
                name.clone_from(given);
            }
        }
        claims
    }
}

#[cfg(test)]
mod tests;

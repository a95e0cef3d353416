#!/usr/bin/env bash
# Keys and tokens for trying out a protected system. In production, an identity provider signs the tokens, and an authority the
# certificate. This needs openssl.
#
#     deploy/access.sh prepare DIR [HOST...]     keys and a certificate, once; existing files are kept
#     deploy/access.sh token DIR SUBJECT ROLE [PARTY_ID]
#                                                prints a token of one hour, for example: token keys alice customer c-1
#
# DIR/issuer contains what only the issuer of tokens needs. DIR/services contains what the services read.
set -euo pipefail
umask 077

issuer=${ISSUER:-https://issuer.example}
audience=${AUDIENCE:-logistics}
lifetime_s=${LIFETIME_S:-3600}

usage() {
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2
    exit 2
}

# Writes the output of a command to a file that does not exist yet.
once() {
    local file=$1
    shift
    [ -s "$file" ] || { "$@" > "$file.new" && mv "$file.new" "$file"; }
}

base64url() {
    openssl base64 -A | tr '+/' '-_' | tr -d '='
}

prepare() {
    local dir=$1
    shift
    mkdir -p "$dir/issuer" "$dir/services"
    once "$dir/issuer/jwt.key.pem" openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048
    once "$dir/services/jwt.pub.pem" openssl pkey -in "$dir/issuer/jwt.key.pem" -pubout
    once "$dir/services/log.keys" openssl rand -hex 32
    local names="DNS:localhost,IP:127.0.0.1,DNS:order-api" host
    for host in "$@"; do
        if [[ $host =~ ^[0-9.]+$ || $host == *:* ]]; then names+=",IP:$host"; else names+=",DNS:$host"; fi
    done
    if [ ! -s "$dir/services/tls.crt" ]; then
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
            -addext "subjectAltName=$names" -addext "basicConstraints=critical,CA:FALSE" \
            -keyout "$dir/services/tls.key" -out "$dir/services/tls.crt" 2> /dev/null
    fi
    # No keys yet: `logistics keys create --file` adds them.
    once "$dir/services/api-keys.json" printf '{"keys": []}\n'
    echo "The keys are in $dir. Issuer: $issuer, audience: $audience, algorithm: RS256." >&2
}

token() {
    local dir=$1 subject=$2 role=$3 party=${4:-} now header claims
    for text in "$subject" "$role" "$party"; do
        [[ $text =~ ^[A-Za-z0-9._@-]*$ ]] || { echo "only letters, digits and . _ @ - are permitted: $text" >&2; exit 2; }
    done
    case $role in
        customer | merchant | courier) [ -n "$party" ] || { echo "the role $role needs a PARTY_ID" >&2; exit 2; } ;;
        operator | service) ;;
        *) echo "there is no role $role: use customer, merchant, courier, operator or service" >&2; exit 2 ;;
    esac
    [ -r "$dir/issuer/jwt.key.pem" ] || { echo "there is no key in $dir: run 'prepare $dir' first" >&2; exit 2; }
    now=$(date +%s)
    header='{"alg":"RS256","typ":"at+jwt"}'
    claims="{\"iss\":\"$issuer\",\"aud\":\"$audience\",\"sub\":\"$subject\",\"roles\":[\"$role\"]"
    claims+=",\"iat\":$now,\"nbf\":$now,\"exp\":$((now + lifetime_s))"
    [ -z "$party" ] || claims+=",\"${role}_id\":\"$party\""
    local signed signature
    signed="$(printf %s "$header" | base64url).$(printf %s "$claims}" | base64url)"
    signature=$(printf %s "$signed" | openssl dgst -sha256 -sign "$dir/issuer/jwt.key.pem" -binary | base64url)
    printf '%s.%s\n' "$signed" "$signature"
}

case "${1:-} $#" in
    "prepare "[2-9]*) shift; prepare "$@" ;;
    "token 4" | "token 5") shift; token "$@" ;;
    *) usage ;;
esac

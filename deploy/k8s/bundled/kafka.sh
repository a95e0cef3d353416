#!/usr/bin/env bash
# Starts and ends the only broker there is, for Docker and for Kubernetes, so that no transaction loses its end.
#
# Kafka 4.3 takes the partitions of a transaction that is being committed for deleted ones where they have no leader, and never
# ends it there: whoever reads committed records waits for ever. The partitions of a single broker have no leader for a moment
#
# - when it is stopped (SIGTERM). So it is killed instead: what it acknowledged is with the operating system, as ever;
# - some seconds after it starts again, when the session of its former self ends, for which it is taken until then. So its
#   controller is started alone first, until that has seen the end of that session.
#
# Brokers that replicate each other have neither moment, and need none of this.
set -euo pipefail

running=
trap '[ -z "$running" ] || kill -KILL "$running"' TERM INT

if [ -e "$KAFKA_LOG_DIRS/__cluster_metadata-0" ] && [ ! -e "$KAFKA_LOG_DIRS/.kafka_cleanshutdown" ]; then
    log=/tmp/controller.log
    (
        unset KAFKA_ADVERTISED_LISTENERS KAFKA_INTER_BROKER_LISTENER_NAME
        export KAFKA_PROCESS_ROLES=controller KAFKA_LISTENERS=${KAFKA_LISTENERS##*,}
        export KAFKA_BROKER_SESSION_TIMEOUT_MS=1000 KAFKA_BROKER_HEARTBEAT_INTERVAL_MS=500
        exec /etc/kafka/docker/run
    ) >"$log" 2>&1 &
    running=$!
    # Not for ever: where it ended in this very place, that session is over already.
    for _ in {1..60}; do
        kill -0 "$running" && ! grep -q handleBrokerFenced "$log" || break
        sleep 0.5
    done
    kill -KILL "$running"
    wait "$running" || true
fi

/etc/kafka/docker/run &
running=$!
wait "$running"

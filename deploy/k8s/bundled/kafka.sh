#!/usr/bin/env bash
# Starts and ends the only broker there is, for Docker and for Kubernetes, so that no transaction loses its end.
#
# Kafka 4.3 takes the partitions of a transaction that is being ended for deleted ones where they have no leader, and never
# ends it there: whoever reads committed records waits for ever, or is shown what was aborted. The partitions of a single
# broker have no leader for a moment
#
# - when it is stopped (SIGTERM). So it is killed instead: what it acknowledged is with the operating system, as ever;
# - some seconds after it starts again, when the session of its former self ends, for which it is taken until then. So its
#   controller is started alone first and told that this one is gone. It answers once that is in its log for good.
#
# Brokers that replicate each other have neither moment, and need none of this.
set -euo pipefail

trap 'kill -KILL $(jobs -p) || true; exit 143' TERM INT

if [ -e "$KAFKA_LOG_DIRS/__cluster_metadata-0" ]; then
    (
        unset KAFKA_ADVERTISED_LISTENERS KAFKA_INTER_BROKER_LISTENER_NAME
        export KAFKA_PROCESS_ROLES=controller KAFKA_LISTENERS=${KAFKA_LISTENERS##*,}
        exec /etc/kafka/docker/run
    ) >/tmp/controller.log 2>&1 &
    controller=$!
    # kafka-cluster.sh, which tries for a minute.
    java -Xmx64m -cp '/opt/kafka/libs/*' org.apache.kafka.tools.ClusterTool \
        unregister --bootstrap-controller "${KAFKA_LISTENERS##*://}" --id "$KAFKA_NODE_ID" >/tmp/unregister.log 2>&1 &
    # A start that ended before it was through may have told it already.
    wait $! || grep -q BrokerIdNotRegisteredException /tmp/unregister.log || {
        tail -n 50 /tmp/controller.log /tmp/unregister.log >&2
        echo "The controller was not told that the former broker $KAFKA_NODE_ID is gone (why: above); start it again." >&2
        exit 1
    }
    kill -KILL "$controller"
    wait "$controller" || true
fi

/etc/kafka/docker/run &
wait $!

#!/usr/bin/env bash
# Starts and stops a single broker, for Docker and for Kubernetes, so that no transaction loses its end.
#
# While the partitions of an ending transaction have no leader, Kafka 4.3 treats them as deleted and never ends the transaction
# there. Readers of committed records then wait for ever, or get aborted records. The partitions of a single broker briefly
# have no leader
#
# - when the broker is stopped (SIGTERM). So this script kills it instead: the operating system has everything acknowledged;
# - some seconds after its restart, when the previous incarnation's session expires. So this script first starts the controller
#   alone and unregisters the previous incarnation. The controller answers when its log has stored that.
#
# Brokers that replicate each other are not affected, and need none of this.
set -euo pipefail

trap 'kill -KILL $(jobs -p) || true; exit 143' TERM INT

if [ -e "$KAFKA_LOG_DIRS/__cluster_metadata-0" ]; then
    (
        unset KAFKA_ADVERTISED_LISTENERS KAFKA_INTER_BROKER_LISTENER_NAME
        export KAFKA_PROCESS_ROLES=controller KAFKA_LISTENERS=${KAFKA_LISTENERS##*,}
        exec /etc/kafka/docker/run
    ) >/tmp/controller.log 2>&1 &
    controller=$!
    # The command of kafka-cluster.sh, which retries for a minute.
    java -Xmx64m -cp '/opt/kafka/libs/*' org.apache.kafka.tools.ClusterTool \
        unregister --bootstrap-controller "${KAFKA_LISTENERS##*://}" --id "$KAFKA_NODE_ID" >/tmp/unregister.log 2>&1 &
    # An earlier start that was interrupted may have unregistered it already.
    wait $! || grep -q BrokerIdNotRegisteredException /tmp/unregister.log || {
        tail -n 50 /tmp/controller.log /tmp/unregister.log >&2
        echo "The previous broker $KAFKA_NODE_ID could not be unregistered (see above); restart this container." >&2
        exit 1
    }
    kill -KILL "$controller"
    wait "$controller" || true
fi

/etc/kafka/docker/run &
wait $!

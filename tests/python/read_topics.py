"""Prints every committed record of some topics as JSON lines, as a Python client that knows nothing of Barid sees them.

usage: read_topics.py BOOTSTRAP_SERVERS REGISTRY_URL TOPIC...

Values are decoded by Confluent's own AvroDeserializer with the schemas of the registry. Dates and instants are printed in the
units of their Avro logical types, so that they can be compared with what another decoder gives.
"""

import datetime
import faulthandler
import json
import sys
import uuid

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient, record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
ANSWER_WITHIN_SECONDS = 20
# Then it says where it hangs, and ends.
ENDS_WITHIN_SECONDS = 50


def plain(value):
    """A value in the units of its Avro type."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    if isinstance(value, datetime.datetime):
        return round((value - EPOCH) / datetime.timedelta(milliseconds=1))
    if isinstance(value, datetime.date):
        return (value - EPOCH.date()).days
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    return value


def main():
    faulthandler.dump_traceback_later(ENDS_WITHIN_SECONDS, exit=True)
    bootstrap_servers, registry_url, *topics = sys.argv[1:]
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "read-topics",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 10,
        }
    )
    # The subject of a schema is the record's name. Left to its default, the client first asks for "associations", to which Apicurio gives no answer.
    subjects = {"subject.name.strategy": record_subject_name_strategy}
    deserialize = AvroDeserializer(SchemaRegistryClient({"url": registry_url}), conf=subjects)
    known = consumer.list_topics(timeout=ANSWER_WITHIN_SECONDS).topics
    partitions = [TopicPartition(topic, number, 0) for topic in topics for number in known[topic].partitions]
    consumer.assign(partitions)
    ended = 0
    while ended < len(partitions):
        message = consumer.poll(ANSWER_WITHIN_SECONDS)
        if message is None:
            sys.exit("no answer")
        if message.error():
            if message.error().code() != KafkaError._PARTITION_EOF:
                sys.exit(str(message.error()))
            ended += 1
            continue
        value = deserialize(message.value(), SerializationContext(message.topic(), MessageField.VALUE))
        record = {
            "topic": message.topic(),
            "partition": message.partition(),
            "offset": message.offset(),
            "key": message.key().decode(),
            "headers": [[name, header.decode()] for name, header in message.headers()],
            "value": plain(value),
        }
        print(json.dumps(record, ensure_ascii=False))
    consumer.close()


main()

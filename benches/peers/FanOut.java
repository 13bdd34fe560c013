// A Kafka Streams program that does the router's work without its thought: each record of the input topics is copied, as it
// is, to the next destinations of a given list. Nothing is decoded, nobody is asked, exactly_once_v2.
//
//   java -cp 'JARS/*' FanOut.java BOOTSTRAP APPLICATION-ID THREADS COMMIT-INTERVAL-MS INPUT-PATTERN DESTINATIONS
//
// DESTINATIONS is a file: one line for each event of the sample, the topics of its copies with blanks between. The events
// come in the order of no line, so each thread takes the lines in turn: after one round the copies are as many and go where
// the router's go.

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

public final class FanOut {
    public static void main(String[] arguments) throws Exception {
        List<String[]> destinations = new ArrayList<>();
        TreeSet<String> outputs = new TreeSet<>();
        for (String line : Files.readAllLines(Path.of(arguments[5]))) {
            String[] topics = line.isBlank() ? new String[0] : line.split(" ");
            destinations.add(topics);
            outputs.addAll(List.of(topics));
        }

        Topology topology = new Topology();
        topology.addSource("events", new ByteArrayDeserializer(), new ByteArrayDeserializer(), Pattern.compile(arguments[4]));
        topology.addProcessor("fan-out", () -> new Copier(destinations), "events");
        for (String topic : outputs) {
            topology.addSink(topic, topic, new ByteArraySerializer(), new ByteArraySerializer(), "fan-out");
        }

        // All else is as Kafka Streams sets it.
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[1]);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, arguments[2]);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, arguments[3]);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, Files.createTempDirectory(Path.of("."), "state").toString());
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");

        KafkaStreams streams = new KafkaStreams(topology, settings);
        CountDownLatch ended = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            ended.countDown();
            return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
        ended.await();
    }

    private static final class Copier implements Processor<byte[], byte[], byte[], byte[]> {
        private final List<String[]> destinations;
        private ProcessorContext<byte[], byte[]> context;
        private int turn;

        private Copier(List<String[]> destinations) {
            this.destinations = destinations;
        }

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            this.context = context;
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            for (String topic : destinations.get(turn)) {
                context.forward(record, topic);
            }
            turn = (turn + 1) % destinations.size();
        }
    }
}

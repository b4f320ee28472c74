package belfry;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dapr.client.DaprClient;
import io.dapr.client.DaprClientBuilder;
import io.dapr.client.domain.DeleteJobRequest;
import io.dapr.client.domain.GetJobRequest;
import io.dapr.exceptions.DaprException;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;

/**
 * An app that schedules jobs with Dapr's Java SDK. The SDK has no server for jobs: apps receive
 * them with any HTTP server, this one with Java's own. The driver tells it what to do, see
 * tests/sdk/driver/program.py.
 *
 * <p>usage: Program JOB... (the names of the jobs that it handles)
 */
public final class Program {
  private static final Duration CALL_LIMIT = Duration.ofSeconds(35);
  private static final ObjectMapper JSON = new ObjectMapper();

  private final DaprClient client;

  private Program(DaprClient client) {
    this.client = client;
  }

  /** Tells the driver something. Lines of several threads do not mix. */
  static synchronized void say(ObjectNode message) {
    System.out.writeBytes(("@@ " + message + "\n").getBytes(StandardCharsets.UTF_8));
    System.out.flush();
  }

  static ObjectNode event(String event) {
    return JSON.createObjectNode().put("event", event);
  }

  private void carryOut(JsonNode request, ObjectNode answer) {
    String name = request.path("name").asText();
    switch (request.get("op").asText()) {
      case "schedule" -> client
          .scheduleJob(Jobs.toRequest(request.get("job"), request.path("overwrite").asBoolean()))
          .block(CALL_LIMIT);
      case "get" -> answer.set("job",
          Jobs.toFields(client.getJob(new GetJobRequest(name)).block(CALL_LIMIT)));
      case "delete" -> client.deleteJob(new DeleteJobRequest(name)).block(CALL_LIMIT);
      default -> throw new IllegalArgumentException("no such call: " + request.get("op"));
    }
  }

  private void serve(BufferedReader lines) throws Exception {
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      JsonNode request = JSON.readTree(line);
      if (request.get("op").asText().equals("stop")) {
        return;
      }
      ObjectNode answer = JSON.createObjectNode().put("id", request.get("id").asLong());
      try {
        carryOut(request, answer);
      } catch (DaprException error) {
        answer.putObject("error").put("code", error.getErrorCode())
            .put("message", error.getMessage());
      }
      say(answer);
    }
    throw new IllegalStateException("the driver went away");
  }

  /** Serves the driver until it says stop. */
  public static void main(String[] names) throws Exception {
    App app = new App(Integer.parseInt(System.getenv("APP_PORT")), List.of(names));
    int code = 0;
    try (DaprClient client = new DaprClientBuilder().build()) {
      say(event("ready"));
      new Program(client).serve(
          new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)));
    } catch (Exception error) {
      error.printStackTrace();
      code = 1;
    }
    app.stop();
    System.exit(code);
  }
}

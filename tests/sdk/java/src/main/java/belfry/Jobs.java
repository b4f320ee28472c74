package belfry;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dapr.client.domain.ConstantFailurePolicy;
import io.dapr.client.domain.DropFailurePolicy;
import io.dapr.client.domain.FailurePolicy;
import io.dapr.client.domain.GetJobResponse;
import io.dapr.client.domain.JobSchedule;
import io.dapr.client.domain.ScheduleJobRequest;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Base64;

/** How what the driver says of a job becomes the SDK's request, and the SDK's answer its words. */
final class Jobs {
  private static final ObjectMapper JSON = new ObjectMapper();
  // As the SDK sends instants.
  private static final DateTimeFormatter INSTANT =
      DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'").withZone(ZoneOffset.UTC);

  private Jobs() {}

  static ScheduleJobRequest toRequest(JsonNode job, boolean overwrite) {
    String name = job.get("name").asText();
    ScheduleJobRequest request;
    if (job.has("schedule")) {
      request = new ScheduleJobRequest(name, JobSchedule.fromString(job.get("schedule").asText()));
      if (job.has("due_time")) {
        request.setDueTime(Instant.parse(job.get("due_time").asText()));
      }
    } else {
      request = new ScheduleJobRequest(name, Instant.parse(job.get("due_time").asText()));
    }
    if (job.has("repeats")) {
      request.setRepeat(job.get("repeats").asInt());
    }
    if (job.has("ttl")) {
      request.setTtl(Instant.parse(job.get("ttl").asText()));
    }
    if (job.has("data")) {
      request.setData(Base64.getDecoder().decode(job.get("data").asText()));
    }
    if (job.has("failure_policy")) {
      request.setFailurePolicy(toPolicy(job.get("failure_policy")));
    }
    return request.setOverwrite(overwrite);
  }

  private static FailurePolicy toPolicy(JsonNode fields) {
    JsonNode constant = fields.get("constant");
    if (constant == null) {
      return new DropFailurePolicy();
    }
    return new ConstantFailurePolicy(constant.get("max_retries").asInt())
        .setDurationBetweenRetries(Duration.ofMillis(constant.get("interval_ms").asLong()));
  }

  static ObjectNode toFields(GetJobResponse job) {
    ObjectNode fields = JSON.createObjectNode().put("name", job.getName());
    if (job.getSchedule() != null) {
      fields.put("schedule", job.getSchedule().getExpression());
    }
    if (job.getDueTime() != null) {
      fields.put("due_time", INSTANT.format(job.getDueTime()));
    }
    if (job.getRepeats() != null) {
      fields.put("repeats", job.getRepeats());
    }
    if (job.getTtl() != null) {
      fields.put("ttl", INSTANT.format(job.getTtl()));
    }
    if (job.getData() != null) {
      fields.put("data", Base64.getEncoder().encodeToString(job.getData()));
    }
    ObjectNode policy = fields.putObject("failure_policy");
    if (job.getFailurePolicy() instanceof ConstantFailurePolicy constant) {
      policy.putObject("constant")
          .put("interval_ms", constant.getDurationBetweenRetries().toMillis())
          .put("max_retries", constant.getMaxRetries());
    } else if (job.getFailurePolicy() instanceof DropFailurePolicy) {
      policy.putObject("drop");
    }
    return fields;
  }
}

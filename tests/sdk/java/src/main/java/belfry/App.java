package belfry;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The HTTP server that receives jobs, and refuses the first triggers if a job's name says so. */
final class App {
  private static final String PREFIX = "/job/";
  private static final Pattern FAILURES = Pattern.compile("fails-(\\d+)-.*");

  private final Map<String, Integer> failures = new ConcurrentHashMap<>();
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final HttpServer server;

  App(int port, List<String> names) throws IOException {
    for (String name : names) {
      Matcher found = FAILURES.matcher(name);
      failures.put(name, found.matches() ? Integer.parseInt(found.group(1)) : 0);
    }
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    server.createContext("/", this::serve);
    server.setExecutor(threads);
    server.start();
  }

  void stop() {
    server.stop(0);
    threads.shutdownNow();
  }

  private void serve(HttpExchange exchange) throws IOException {
    byte[] body = exchange.getRequestBody().readAllBytes();
    exchange.sendResponseHeaders(status(exchange, body), -1);
    exchange.close();
  }

  private int status(HttpExchange exchange, byte[] body) {
    String path = exchange.getRequestURI().getPath();
    if (!path.startsWith(PREFIX) || !exchange.getRequestMethod().equals("POST")) {
      return 404;
    }
    if (!System.getenv("APP_API_TOKEN").equals(
        exchange.getRequestHeaders().getFirst("dapr-api-token"))) {
      return 401;
    }
    String name = path.substring(PREFIX.length());
    if (!failures.containsKey(name)) {
      return 404;
    }
    Program.say(Program.event("job").put("name", name)
        .put("data", Base64.getEncoder().encodeToString(body)));
    int left = failures.merge(name, -1, Integer::sum);
    return left >= 0 ? 500 : 204;
  }
}

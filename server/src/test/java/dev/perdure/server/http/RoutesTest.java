package dev.perdure.server.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.server.http.Route.Access;
import io.helidon.http.Method;
import java.util.List;
import org.junit.jupiter.api.Test;

class RoutesTest {
  private static Route route(Method method, String template) {
    return new Route(method, template, Access.OPEN, exchange -> {});
  }

  private final Routes routes =
      new Routes(
          List.of(
              route(Method.GET, "/"),
              route(Method.GET, "/v1/turns"),
              route(Method.GET, "/v1/turns/{turn}"),
              route(Method.POST, "/v1/turns/{turn}/lanes/{lane}/retry"),
              route(Method.DELETE, "/v1/turns/{turn}")));

  @Test
  void a_path_is_matched_as_a_whole() {
    assertThat(routes.match("/")).isPresent();
    assertThat(routes.match("/v1/turns/t/lanes/3/retry").orElseThrow().variables())
        .containsEntry("turn", "t")
        .containsEntry("lane", "3");
    for (String path : List.of("", "*", "/v1", "/v1/turns/t/x", "/v1//turns", "//", "/V1/turns")) {
      assertThat(routes.match(path)).as(path).isEmpty();
    }
  }

  @Test
  void head_is_get_and_the_rest_is_listed() {
    Routes.Match match = routes.match("/v1/turns/t").orElseThrow();

    assertThat(match.route(Method.HEAD)).isEqualTo(match.route(Method.GET)).isPresent();
    assertThat(match.route(Method.POST)).isEmpty();
    assertThat(match.allow()).isEqualTo("DELETE, GET, HEAD, OPTIONS");
  }

  @Test
  void no_operation_stands_twice() {
    assertThatThrownBy(() -> new Routes(List.of(route(Method.GET, "/a"), route(Method.GET, "/a"))))
        .isInstanceOf(IllegalArgumentException.class);
  }
}

// A service that recommends to people it has never seen: answers in, recommendations out.
//
//     service MODEL [PORT]
//
//     curl localhost:8080/question -d '{"answers": [{"item": "i7", "rating": 5}],
//                                       "unknown": ["i3"]}'
//     curl localhost:8080/recommendations -d '{
//       "profile": {"age": "25-34"},
//       "answers": [{"item": "i7", "rating": 5}, {"item": "i12", "rating": 1.5}],
//       "count": 20}'
//
// Every request makes a user and forgets it; the catalogue is shared by all threads. The
// pages answer {"question": ...} and {"items": [...]}, or {"error": "..."} with status 400.

#include <httplib.h>

#include <cmath>
#include <cstdio>
#include <melu.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using Json = nlohmann::json;

// A mistake of the client's.
struct BadRequest : std::runtime_error {
  using runtime_error::runtime_error;
};

Json describe(const melu::Catalog& catalog, std::uint32_t item) {
  return {{"item", catalog.id(item)}, {"title", catalog.title(item)}};
}

std::uint32_t find(const melu::Catalog& catalog, const std::string& id) {
  const std::optional<std::uint32_t> item = catalog.find(id);
  if (!item) throw BadRequest("there is no item \"" + id + "\"");
  return *item;
}

melu::User make_user(const melu::Catalog& catalog, const Json& request) {
  std::vector<melu::Value> profile;
  const Json given = request.value("profile", Json::object());
  for (auto& [field, value] : given.items()) {
    if (value.is_number()) {
      profile.emplace_back(field, value.get<float>());
    } else if (value.is_string()) {
      profile.emplace_back(field, value.get_ref<const std::string&>());
    } else {
      throw BadRequest("the value of \"" + field + "\" must be a string or a number");
    }
  }
  return catalog.user(profile);
}

// A user with the profile and the answers of a request.
melu::User adapted_user(const melu::Catalog& catalog, const Json& request) {
  melu::User user = make_user(catalog, request);
  std::vector<std::uint32_t> items;
  std::vector<float> ratings;
  for (const Json& answer : request.at("answers")) {
    items.push_back(find(catalog, answer.at("item")));
    ratings.push_back(answer.at("rating"));
  }
  user.adapt(items, ratings);
  return user;
}

// The item that the user is best asked about next.
Json question(const melu::Catalog& catalog, const Json& request) {
  const melu::User user = adapted_user(catalog, request);
  std::vector<std::uint32_t> unknown;
  for (const Json& id : request.value("unknown", Json::array())) {
    unknown.push_back(find(catalog, id));
  }
  melu::Questions questions = catalog.questions();
  melu::QuestionOptions options;
  options.unknown = unknown;
  const std::optional<melu::Question> next = user.next_question(questions, options);
  return {{"question", next ? describe(catalog, next->item) : Json()}};
}

Json recommendations(const melu::Catalog& catalog, const Json& request) {
  const melu::User user = adapted_user(catalog, request);

  const std::int64_t count = request.value("count", std::int64_t{20});
  if (count < 1 || count > 1000) throw BadRequest("count must be from 1 to 1000");
  std::vector<melu::Recommendation> room(static_cast<std::size_t>(count));
  Json best = Json::array();
  for (const melu::Recommendation& found : user.recommend(room)) {
    best.push_back(describe(catalog, found.item));
    best.back()["score"] = found.score;
    if (!std::isnan(found.rating)) best.back()["rating"] = found.rating;
  }
  return {{"items", best}};
}

// Answers with what a function returns, or with what it throws.
template <class Answer>
void respond(httplib::Response& response, Answer answer) {
  Json body;
  try {
    body = answer();
  } catch (const melu::Error& error) {
    // What the client sent is at fault for some of them, the service for the others.
    bool client = error.status() == melu::Status::rating ||
                  error.status() == melu::Status::diverged ||
                  error.status() == melu::Status::unknown_field ||
                  error.status() == melu::Status::field_value;
    response.status = client ? 400 : 500;
    body = {{"error", error.what()}};
  } catch (const std::exception& error) {
    response.status = 400;
    body = {{"error", error.what()}};
  }
  // Whatever bytes a message quotes, the answer is UTF-8.
  response.set_content(body.dump(-1, ' ', false, Json::error_handler_t::replace),
                       "application/json");
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2 && argc != 3) {
    std::fprintf(stderr, "usage: service MODEL [PORT]\n");
    return 2;
  }
  const melu::Model model = melu::Model::open(argv[1]);
  const melu::Catalog catalog = model.catalog();

  httplib::Server server;
  server.set_payload_max_length(1 << 20);
  server.Post("/question", [&](const httplib::Request& request, httplib::Response& response) {
    respond(response, [&] { return question(catalog, Json::parse(request.body)); });
  });
  server.Post("/recommendations",
              [&](const httplib::Request& request, httplib::Response& response) {
                respond(response,
                        [&] { return recommendations(catalog, Json::parse(request.body)); });
              });

  // Port 0 is whichever is free.
  int port = argc == 3 ? std::stoi(argv[2]) : 8080;
  if (port == 0) {
    port = server.bind_to_any_port("localhost");
  } else if (!server.bind_to_port("localhost", port)) {
    throw std::runtime_error("port " + std::to_string(port) + " is not free");
  }
  std::printf("listening on http://localhost:%d\n", port);
  std::fflush(stdout);
  return server.listen_after_bind() ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "service: %s\n", error.what());
  return 1;
}

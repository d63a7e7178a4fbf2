/*
 * The HTTP of trackers: JSON to their API and back. What is no success ends the task.
 */

#ifndef ERRTRACK_WORKER_TRACKER_API_HPP
#define ERRTRACK_WORKER_TRACKER_API_HPP

#include "worker/channel.hpp"
#include "worker/json.hpp"
#include "worker/web_client.hpp"

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace errtrack {

/* Thrown where a task ends without success. */
struct TrackerStop {
    Judgement judgement;
};

[[noreturn]] void refuse_tracker(const std::string &why);

/* A list of issues or comments that is read page by page. */
struct TrackerList {
    std::string url;                    /* with parameters, but for the page */
    std::string_view text;              /* the member that holds what was written */
    std::size_t page_size;              /* as it stands in the URL */
    std::int64_t since = 0;             /* of no interest: what was created before, in microseconds since 1970 */
};

class TrackerApi {
public:
    /* who is the tracker in messages, headers go with each request. limits is asked how long to
     * wait when a server does not say with its refusal; empty: there is no such address. */
    TrackerApi(WebClient &client, const std::stop_token &stop, std::string who, std::vector<std::string> headers,
               std::string limits = "");

    /* Returns the status, which is a success with JSON in answer or one of others, then perhaps
     * without. Throws TrackerStop. */
    long ask(WebRequest::Method method, const std::string &url, std::string body, Json &answer,
             std::initializer_list<long> others = {});

    /* The element of a list whose text holds the mark; nowhere if none does. */
    JsonValue find(const TrackerList &list, std::string_view mark, Json &page);

private:
    WebAnswer send(WebRequest::Method method, const std::string &url, std::string body);
    [[noreturn]] void refuse(const WebAnswer &answer, JsonValue said);
    void ask_how_long(Judgement &judgement);

    WebClient &client_;
    const std::stop_token &stop_;
    const std::string who_;
    const std::vector<std::string> headers_;
    const std::string limits_;
    const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

}

#endif

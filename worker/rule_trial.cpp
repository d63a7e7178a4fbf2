#include "worker/rule_trial.hpp"

#include "worker/event.hpp"
#include "worker/json.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

namespace errtrack {
namespace {

std::optional<Event> event_by(const ProjectGrouping &grouping, std::string_view body)
{
    EventContext context;
    context.grouping = grouping;
    return parse_event(body, context);
}

/* An issue that there is, or one that would begin with a hash. */
struct Target {
    std::int64_t issue = 0;                  /* 0: a new one */
    std::string hash;                        /* of a new one */

    auto operator<=>(const Target &) const = default;
};

struct Move {
    std::int64_t from = 0;
    Target to;
    std::size_t events = 0;
    std::string example;                     /* the newest of them */
};

void append_move(std::string &out, const Move &move)
{
    out.append("{\"from\":").append(std::to_string(move.from)).append(",\"to\":");
    out.append(move.to.issue == 0 ? "null" : std::to_string(move.to.issue)).append(",\"group\":");
    if (move.to.issue == 0) {
        append_json_string(out, move.to.hash);
    } else {
        out.append("null");
    }
    out.append(",\"events\":").append(std::to_string(move.events)).append(",\"example\":");
    append_json_string(out, move.example);
    out.append("}");
}

}

RuleTrial::RuleTrial(ProjectGrouping present, ProjectGrouping tried)
    : present_(std::move(present)), tried_(std::move(tried))
{
}

void RuleTrial::look_at(std::string_view event_id, std::int64_t issue, std::string_view body)
{
    std::optional<Event> present = event_by(present_, body);
    std::optional<Event> tried = event_by(tried_, body);
    if (!present || !tried) {
        return;
    }
    events_++;
    looked_at_[issue]++;
    // By the same body: it was shortened when it was stored, and its issue may be one that
    // rules of before, or people, have put it into.
    if (present->hashes == tried->hashes) {
        return;
    }
    Changed changed{std::string(event_id), issue, {}};
    for (const GroupingHash &each : tried->hashes) {
        changed.hashes.push_back(to_hex(each.hash));
    }
    changed_.push_back(std::move(changed));
}

std::vector<std::string> RuleTrial::changed_hashes() const
{
    std::set<std::string> hashes;
    for (const Changed &each : changed_) {
        hashes.insert(each.hashes.begin(), each.hashes.end());
    }
    return {hashes.begin(), hashes.end()};
}

/* In the order in which they came, as they were filed: the first of the hashes that is known
 * decides, and its issue then has the others too. */
std::string RuleTrial::result(const std::map<std::string, std::int64_t> &known, bool complete) const
{
    std::map<std::string, Target> learnt;
    for (const auto &[hash, issue] : known) {
        learnt[hash] = {issue, {}};
    }
    std::map<std::pair<std::int64_t, Target>, Move> moves;
    for (auto changed = changed_.rbegin(); changed != changed_.rend(); ++changed) {
        auto found = std::find_if(changed->hashes.begin(), changed->hashes.end(),
                                  [&](const std::string &hash) { return learnt.contains(hash); });
        Target target = found != changed->hashes.end() ? learnt[*found] : Target{0, changed->hashes.front()};
        for (const std::string &hash : changed->hashes) {
            learnt.try_emplace(hash, target);
        }
        if (target.issue == changed->issue) {
            continue;
        }
        Move &move = moves[{changed->issue, target}];
        move.from = changed->issue;
        move.to = target;
        move.events++;
        move.example = changed->event_id;
    }
    std::vector<Move> shown;
    shown.reserve(moves.size());
    for (auto &[key, move] : moves) {
        shown.push_back(std::move(move));
    }
    std::stable_sort(shown.begin(), shown.end(), [](const Move &a, const Move &b) { return a.events > b.events; });
    bool all = shown.size() <= max_moves;
    shown.resize(std::min(shown.size(), max_moves));

    std::string out = "{\"events\":" + std::to_string(events_) + ",\"changed\":" + std::to_string(changed_.size())
                      + ",\"complete\":" + (complete && all ? "true" : "false") + ",\"issues\":[";
    std::set<std::int64_t> sources;
    for (const Move &move : shown) {
        if (sources.insert(move.from).second) {
            out.append(sources.size() > 1 ? "," : "").append("{\"id\":").append(std::to_string(move.from));
            out.append(",\"events\":").append(std::to_string(looked_at_.at(move.from))).append("}");
        }
    }
    out.append("],\"moves\":[");
    for (std::size_t at = 0; at < shown.size(); at++) {
        out.append(at > 0 ? "," : "");
        append_move(out, shown[at]);
    }
    return out.append("]}");
}

}

/*
 * The set is built aside and renamed, so that no edge ever sees half of it. Its
 * generation is a hash over its content: writing the same set again wakes nobody.
 */

#include "worker/projection.hpp"

#include "worker/entry.hpp"

#include <openssl/sha.h>

#include <unistd.h>

namespace errtrack {
namespace {

using namespace std::chrono_literals;

constexpr auto check_every = 1s;
constexpr auto full_pass_every = 30s;
constexpr std::size_t fields_a_command = 500;

std::string generation_of(const std::vector<ProjectedField> &fields)
{
    std::string content;
    for (const ProjectedField &field : fields) {
        content.append(field.name).append(" ").append(field.value).append("\n");
    }
    Hash hash;
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const unsigned char *>(content.data()), content.size(), digest);
    std::copy(digest, digest + hash.size(), hash.begin());
    return to_hex(hash);
}

}

bool Projection::due(Redis &redis)
{
    dirty_ |= store_.keys_changed();
    Clock::time_point now = Clock::now();
    if (now - checked_ >= check_every) {
        checked_ = now;
        dirty_ |= redis.must({"HGET", keys_hash, keys_marker})->type == REDIS_REPLY_NIL;
    }
    if (now - full_pass_ >= full_pass_every) {
        full_pass_ = now;
        dirty_ = true;
    }
    return dirty_;
}

void Projection::refresh(Redis &redis)
{
    // Many keys changed one by one are written once in a while, not once each.
    if (!due(redis) || Clock::now() - written_ < check_every) {
        return;
    }
    written_ = Clock::now();
    store_.project_keys([&](const std::vector<ProjectedField> &fields) { write(redis, fields); });
    dirty_ = false;
}

void Projection::write(Redis &redis, const std::vector<ProjectedField> &fields)
{
    std::string generation = generation_of(fields);
    if (redis.must({"HGET", keys_hash, keys_marker}).text() == generation) {
        return;
    }
    std::string aside = std::string(keys_hash) + ":" + std::to_string(getpid());
    redis.must({"DEL", aside});
    redis.must({"HSET", aside, keys_marker, generation});
    for (std::size_t first = 0; first < fields.size(); first += fields_a_command) {
        std::size_t last = std::min(fields.size(), first + fields_a_command);
        std::vector<std::string_view> words = {"HSET", aside};
        for (std::size_t i = first; i < last; i++) {
            words.push_back(fields[i].name);
            words.push_back(fields[i].value);
        }
        redis.must(words);
    }
    redis.must({"RENAME", aside, keys_hash});
}

}

/*
 * The loader: polls the generation of the projection, reads the set in steps when it is
 * another one, and keeps a snapshot of it on disk.
 */

#include "ngx_module/keys.hpp"

#include "ngx_module/auth.hpp"
#include "ngx_module/key_snapshot.hpp"

#include <cerrno>
#include <cstdlib>

#include <unistd.h>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

constexpr ngx_msec_t poll_every = 1000;
constexpr ngx_msec_t save_every = 10000;
constexpr std::size_t max_generation = 64;
constexpr std::size_t longest_json = 64 * 1024;

struct Release {
    void operator()(json_t *value) const noexcept { json_decref(value); }
};

bool is_text(const redisReply *reply) noexcept
{
    return reply != nullptr && reply->type == REDIS_REPLY_STRING;
}

std::string_view text_of(const redisReply *reply) noexcept
{
    return {reply->str, reply->len};
}

bool is_array(const redisReply *reply, std::size_t elements) noexcept
{
    return reply != nullptr && reply->type == REDIS_REPLY_ARRAY && reply->elements == elements;
}

}

/*
 * A snapshot that a thread writes. It holds itself until the event loop has heard of the
 * end, so that the loader may go first; the loader is known to the event loop alone.
 */
struct KeyLoader::SnapshotWrite {
    ngx_thread_task_t task = {};
    std::shared_ptr<SnapshotWrite> self;
    KeyLoader *loader;
    std::string path;
    std::string generation;
    std::string text;
    int error = 0;

    static void run(void *data, ngx_log_t *) noexcept
    {
        auto *write = static_cast<SnapshotWrite *>(data);
        try {
            write->error = write_snapshot(write->path, write->text);
        } catch (const std::exception &) {
            write->error = ENOMEM;
        }
    }
};

KeyLoader::KeyLoader(KeyZone zone, RedisLink &link, ngx_str_t snapshot,
                     ngx_thread_pool_t *threads, ngx_log_t *log)
    : zone_(zone), link_(link), path_(view(snapshot)), threads_(threads), log_(log)
{
    timer_owner_.fd = static_cast<ngx_socket_t>(-1);
    timer_owner_.data = this;
    timer_.data = &timer_owner_;
    timer_.log = log;
    timer_.handler = on_timer;
    timer_.cancelable = 1;
    if (!path_.empty()) {
        restore();
    }
    ngx_add_timer(&timer_, 1);
}

KeyLoader::~KeyLoader()
{
    if (timer_.timer_set) {
        ngx_del_timer(&timer_);
    }
    if (writing_) {
        writing_->loader = nullptr;
    }
}

void KeyLoader::on_timer(ngx_event_t *ev) noexcept
{
    auto *loader = static_cast<KeyLoader *>(static_cast<ngx_connection_t *>(ev->data)->data);
    guarded(loader->log_, "polling the client keys", [loader] {
        loader->poll();
        loader->save();
        return NGX_OK;
    });
    if (!ngx_exiting) {
        // Until there is a set nobody can be let in: look often.
        ngx_add_timer(ev, loader->zone_.filled() ? poll_every : poll_every / 10);
    }
}

/* Out of memory ends a load, not the loading. */
template <class Body>
void KeyLoader::step(Body body)
{
    try {
        body();
    } catch (...) {
        give_up();
        throw;
    }
}

void KeyLoader::poll()
{
    if (busy_ || !link_.up() || ngx_exiting) {
        return;
    }
    busy_ = link_.call({"HGET", keys_hash, keys_marker},
                       [this](const redisReply *reply) {
                           step([&] { on_generation(reply); });
                       });
    link_.call({"TIME"}, [this](const redisReply *reply) { on_time(reply); });
}

void KeyLoader::on_time(const redisReply *reply) noexcept
{
    if (!is_array(reply, 2) || !is_text(reply->element[0]) || !is_text(reply->element[1])) {
        return;
    }
    // hiredis terminates its strings. No clock shows more seconds than this.
    constexpr long long latest = 1LL << 40;
    std::int64_t theirs =
        std::clamp(std::strtoll(reply->element[0]->str, nullptr, 10), 0LL, latest) * 1000
        + std::strtoll(reply->element[1]->str, nullptr, 10) / 1000;
    ngx_time_t *now = ngx_timeofday();
    std::int64_t ours = static_cast<std::int64_t>(now->sec) * 1000
                        + static_cast<std::int64_t>(now->msec);
    zone_.zone().state().redis_ahead_ms.store(theirs - ours, std::memory_order_relaxed);
}

void KeyLoader::on_generation(const redisReply *reply)
{
    busy_ = false;
    if (!is_text(reply) || reply->len == 0) {
        // New or flushed: not the same as a set without keys. The known set stays.
        if (reply != nullptr && reply->type == REDIS_REPLY_NIL && !missing_logged_) {
            missing_logged_ = true;
            ngx_log_error(NGX_LOG_WARN, log_, 0,
                          "redis holds no client keys: is errtrack-worker running?");
        }
        return;
    }
    missing_logged_ = false;
    std::string_view generation = text_of(reply).substr(0, max_generation);
    if (generation == zone_.generation()) {
        zone_.confirm();
        if (!no_file_) {
            return;
        }
    }
    // Whoever has the duty writes the file.
    no_file_ = false;
    if (begin(generation)) {
        busy_ = true;
        read_step("0");
    }
}

/* Takes the duty of a load. False: another process has it. */
bool KeyLoader::begin(std::string_view generation)
{
    if (!zone_.begin_load(stamp_)) {
        return false;
    }
    generation_ = generation;
    loaded_ = 0;
    bad_ = 0;
    overflow_ = false;
    text_.clear();
    if (!path_.empty() && !generation.empty()) {
        text_ = begin_snapshot(generation);
    }
    return true;
}

void KeyLoader::read_step(const std::string &cursor)
{
    if (!link_.call({"HSCAN", keys_hash, cursor, "COUNT", "500"},
                    [this](const redisReply *reply) { step([&] { on_step(reply); }); }))
    {
        give_up();
    }
}

void KeyLoader::on_step(const redisReply *reply)
{
    // Asked first: what is put without the duty would spoil the load of whoever has it.
    if (!is_array(reply, 2) || !is_text(reply->element[0])
        || reply->element[1]->type != REDIS_REPLY_ARRAY || !zone_.keep_load(stamp_))
    {
        give_up();
        return;
    }
    const redisReply *fields = reply->element[1];
    for (std::size_t i = 0; i + 1 < fields->elements; i += 2) {
        const redisReply *name = fields->element[i];
        const redisReply *json = fields->element[i + 1];
        if (!is_text(name) || !is_text(json) || !put(text_of(name), text_of(json))
            || text_.empty())
        {
            continue;
        }
        append_snapshot(text_, text_of(name), text_of(json));
        if (text_.size() > most_snapshot()) {
            text_.clear();
            ngx_log_error(NGX_LOG_WARN, log_, 0, "the set of client keys is too large for a snapshot");
        }
    }
    std::string cursor(text_of(reply->element[0]));
    if (cursor != "0") {
        read_step(cursor);
    } else if (!link_.call({"HGET", keys_hash, keys_marker}, [this](const redisReply *last) {
                   step([&] { on_last_generation(last); });
               }))
    {
        give_up();
    }
}

/* Takes a field of the projection. Returns whether it is of use. */
bool KeyLoader::put(std::string_view name, std::string_view json)
{
    auto project = name.substr(0, 1) == "@" ? parse_project(name.substr(1)) : std::nullopt;
    if (!project && !is_public_key(name)) {
        return false;                   // the marker
    }
    std::unique_ptr<json_t, Release> info(
        json.size() > longest_json ? nullptr : json_loadb(json.data(), json.size(), 0, nullptr));
    if (!json_is_object(info.get())) {
        bad_++;
        return false;
    }
    if (!project) {
        return put_key(name, info.get());
    }
    put_project(*project, json, info.get());
    return true;
}

bool KeyLoader::put_key(std::string_view key, json_t *info)
{
    json_int_t id = 0;
    json_int_t project = 0;
    if (json_unpack(info, "{s:I, s:I}", "id", &id, "project", &project) != 0 || id <= 0
        || project <= 0)
    {
        bad_++;
        return false;
    }
    QuotaOwner owner = {static_cast<std::uint64_t>(id), static_cast<std::uint64_t>(project), 0, 0};
    owner.key_limited = put_limits(Scope::key, owner.key, info);
    loaded_++;
    bool room = zone_.put_key(stamp_, key, owner);
    overflow_ |= !room;
    return room;
}

void KeyLoader::put_project(std::uint64_t project, std::string_view json, json_t *info)
{
    std::string rules = compile_rules(json, bad_);
    std::uint8_t limited = put_limits(Scope::project, project, info);
    overflow_ |= !zone_.put_project(stamp_, project, limited, rules);
}

/* Sets the quotas of one owner. Returns the bits of the categories that have one. */
std::uint8_t KeyLoader::put_limits(Scope scope, std::uint64_t id, json_t *info)
{
    unsigned limited = 0;
    const json_t *limits = json_object_get(info, "limits");
    for (std::size_t i = 0; i < categories; i++) {
        json_t *limit = json_object_get(limits, category_names[i].data());
        if (limit == nullptr) {
            continue;
        }
        json_int_t items = 0;
        json_int_t seconds = 0;
        if (json_unpack(limit, "[II]", &items, &seconds) != 0 || items < 0 || seconds < 1
            || seconds > UINT32_MAX)
        {
            bad_++;
            continue;
        }
        if (QuotaZone(zone_.zone()).put(stamp_, scope, id, static_cast<Category>(i),
                                        static_cast<std::uint64_t>(items),
                                        static_cast<std::uint32_t>(seconds)))
        {
            limited |= 1u << i;
        } else {
            overflow_ = true;
        }
    }
    return static_cast<std::uint8_t>(limited);
}

void KeyLoader::on_last_generation(const redisReply *reply)
{
    // The set was exchanged while it was read: what was read is a mixture.
    if (!is_text(reply) || text_of(reply).substr(0, max_generation) != generation_) {
        give_up();
        return;
    }
    if (!finish(generation_)) {
        return;
    }
    zone_.confirm();
    if (!text_.empty()) {
        end_snapshot(text_);
        waiting_ = std::exchange(text_, {});
        waiting_generation_ = generation_;
        save();
    }
}

/* Returns whether the load stands. */
bool KeyLoader::finish(std::string_view generation)
{
    busy_ = false;
    if (!zone_.keep_load(stamp_)) {
        return false;
    }
    // While the duty lasts: the quotas of a later load must not be swept.
    QuotaZone(zone_.zone()).sweep(stamp_);
    bool settled = zone_.finish_load(stamp_, generation, !overflow_);
    ngx_log_error(NGX_LOG_INFO, log_, 0, "client keys loaded: %uz", loaded_);
    if (bad_ > 0) {
        ngx_log_error(NGX_LOG_WARN, log_, 0,
                      "%ui setting(s) of client keys and projects cannot be used",
                      static_cast<ngx_uint_t>(bad_));
    }
    if (overflow_ && settled) {
        ngx_log_error(NGX_LOG_CRIT, log_, 0,
                      "the errtrack_zone is too small for %uz client keys and their settings: "
                      "enlarge it", loaded_);
    }
    return settled;
}

void KeyLoader::give_up()
{
    busy_ = false;
    text_ = {};
    zone_.abandon_load(stamp_);
}

/* What fits into the zone cannot be longer as text, or the text is not ours. */
std::size_t KeyLoader::most_snapshot() const noexcept
{
    const ngx_slab_pool_t *pool = zone_.zone().pool();
    return 4 * static_cast<std::size_t>(pool->end - reinterpret_cast<const u_char *>(pool));
}

/*
 * Reads the snapshot if there is no set. Runs while the process starts, when it may wait
 * for the disk. The generation stays unknown, so that the first answer of Redis brings
 * the set anew.
 */
void KeyLoader::restore()
{
    if (zone_.filled()) {
        no_file_ = ::access(path_.c_str(), F_OK) != 0 && errno == ENOENT;
        return;
    }
    std::string text;
    int error = read_snapshot(path_, most_snapshot(), text);
    if (error != 0) {
        if (error != ENOENT) {
            ngx_log_error(NGX_LOG_ERR, log_, error, "cannot read the client keys in \"%s\"",
                          path_.c_str());
        }
        return;
    }
    if (!begin({})) {
        return;
    }
    ngx_int_t rc = guarded(log_, "reading the snapshot of the client keys", [&] {
        restore_fields(text);
        return NGX_OK;
    });
    if (rc != NGX_OK) {
        give_up();
    }
}

void KeyLoader::restore_fields(std::string_view text)
{
    auto lines = snapshot_lines(text);
    if (!lines) {
        ngx_log_error(NGX_LOG_ERR, log_, 0, "the snapshot of the client keys in \"%s\" is damaged",
                      path_.c_str());
        give_up();
        return;
    }
    std::string_view name;
    std::string_view json;
    while (next_field(*lines, name, json)) {
        put(name, json);
    }
    finish({});
}

/* Hands the snapshot that waits to a thread, if it is due and still that of the zone. */
void KeyLoader::save()
{
    if (waiting_.empty() || writing_ || threads_ == nullptr
        || (written_at_ != 0 && ngx_current_msec - written_at_ < save_every))
    {
        return;
    }
    if (waiting_generation_ != zone_.generation()) {
        waiting_ = {};                  // another process has a newer one
        return;
    }
    auto write = std::make_shared<SnapshotWrite>();
    write->loader = this;
    write->path = path_;
    write->generation = waiting_generation_;
    write->text = std::exchange(waiting_, {});
    write->task.ctx = write.get();
    write->task.handler = SnapshotWrite::run;
    write->task.event.data = write.get();
    write->task.event.handler = on_saved;
    write->task.event.log = log_;
    written_at_ = ngx_current_msec | 1;
    if (ngx_thread_task_post(threads_, &write->task) != NGX_OK) {
        waiting_ = std::move(write->text);
        return;
    }
    write->self = write;
    writing_ = std::move(write);
}

void KeyLoader::on_saved(ngx_event_t *ev) noexcept
{
    std::shared_ptr<SnapshotWrite> write =
        std::move(static_cast<SnapshotWrite *>(ev->data)->self);
    if (write->loader == nullptr) {
        return;
    }
    KeyLoader &loader = *write->loader;
    loader.writing_.reset();
    if (write->error != 0 && !loader.save_failed_) {
        ngx_log_error(NGX_LOG_ERR, loader.log_, write->error,
                      "cannot write the client keys to \"%s\", retrying", write->path.c_str());
    }
    loader.save_failed_ = write->error != 0;
    if (loader.save_failed_ && loader.waiting_.empty()) {
        loader.waiting_ = std::move(write->text);
        loader.waiting_generation_ = std::move(write->generation);
    }
}

}

/*
 * The spool's work on files: appending to segments, looking through the folder, reading
 * segments. All of it blocks, so it runs in threads, and knows nothing of nginx: what
 * went wrong is returned as a text, which the event loop logs.
 *
 * Files are named <microseconds since 1970, 16 hex digits>-<process id>-<number> and end
 * in .v (verified) or .u (unverified), so that names sort by age. A segment is locked
 * (flock) by the process that writes or reads it; a file that nobody has locked does not
 * change any more. What cannot be read is renamed to .damaged and left to people.
 */

#ifndef ERRTRACK_NGX_MODULE_SPOOL_DISK_HPP
#define ERRTRACK_NGX_MODULE_SPOOL_DISK_HPP

#include "ngx_module/spool_segment.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace errtrack __attribute__((visibility("hidden"))) {

inline constexpr std::size_t largest_segment = 64 * 1024 * 1024;

/* Closed at the end of the scope, which lets go of a lock. */
class File {
public:
    explicit File(int fd = -1) noexcept : fd_(fd) {}
    ~File() { close(); }
    File(File &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    File &operator=(File &&other) noexcept
    {
        std::swap(fd_, other.fd_);
        return *this;
    }

    bool is_open() const noexcept { return fd_ >= 0; }
    int fd() const noexcept { return fd_; }
    void close() noexcept;

private:
    int fd_;
};

/* How much may lie in the folder: counters are shared with other processes. */
class SpoolBudget {
public:
    SpoolBudget(std::atomic<std::int64_t> &bytes, std::atomic<std::int64_t> &unverified_bytes,
                std::uint64_t size) noexcept
        : bytes_(bytes), unverified_bytes_(unverified_bytes),
          size_(static_cast<std::int64_t>(size))
    {}

    /* Whether that much more fits, of which so much is unverified: at most a tenth of all
     * may be. */
    bool room_for(std::uint64_t bytes, std::uint64_t unverified_bytes) const noexcept;

    /* False: no room, and nothing was taken. */
    bool take(std::uint64_t bytes, bool unverified) noexcept;

    /* What the folder has more of now, or less, whether there is room or not. */
    void add(std::int64_t bytes, bool unverified) noexcept;

private:
    std::atomic<std::int64_t> &bytes_;
    std::atomic<std::int64_t> &unverified_bytes_;
    std::int64_t size_;
};

/* Bytes that may still be written to the disk of the folder. */
std::uint64_t free_bytes(const std::string &folder, std::uint64_t keep_free) noexcept;

struct SpoolRecord {
    std::string meta;
    std::string body;
    bool unverified = false;
    bool kept = false;          /* on the disk for good */
};

/* Appends to segments of one kind, one after the other. */
class SegmentWriter {
public:
    SegmentWriter(std::string folder, std::uint64_t keep_free, bool unverified,
                  SpoolBudget &budget)
        : folder_(std::move(folder)), keep_free_(keep_free), unverified_(unverified),
          budget_(budget)
    {}
    ~SegmentWriter() { seal(); }
    SegmentWriter(const SegmentWriter &) = delete;
    SegmentWriter &operator=(const SegmentWriter &) = delete;

    /* Writes the records together and marks those that are kept. Returns why the others
     * are not; empty when all are. */
    std::string append(const std::vector<SpoolRecord *> &records);

    /* Lets go of the segment, so that it can be drained. */
    void seal() noexcept;

private:
    using Records = const std::vector<SpoolRecord *> &;

    bool in_place() const noexcept;
    std::string create();
    std::string append_group(Records records, std::size_t from, std::size_t to,
                             std::size_t bytes);

    const std::string folder_;
    const std::uint64_t keep_free_;
    const bool unverified_;
    SpoolBudget &budget_;
    File segment_;
    std::string path_;
    std::size_t end_ = 0;       /* of what is on the disk for good */
    unsigned made_ = 0;         /* segments, for their names */
};

/* Reads one segment, which it has locked. */
class SegmentReader {
public:
    /* Some records, in one piece of memory. */
    struct Chunk {
        std::vector<char> bytes;
        std::vector<RecordView> records;
        bool last = false;      /* nothing follows */
    };

    SegmentReader(std::string path, File file, std::uint64_t size) noexcept
        : path_(std::move(path)), file_(std::move(file)), size_(size)
    {}

    /* The next megabyte, or one record that is larger. */
    void read(Chunk &chunk);

    /* Why some of it could not be read; empty when nothing is wrong. */
    const std::string &damage() const noexcept { return damage_; }
    const std::string &path() const noexcept { return path_; }

    /* Every record has been handed over: removes the file, or keeps what is damaged out
     * of the way. Returns why that failed; empty when it did not. */
    std::string finish(SpoolBudget &budget);

private:
    bool begins_well();
    bool fill(std::vector<char> &bytes, std::size_t size);
    bool only_zeros();

    const std::string path_;
    File file_;
    const std::uint64_t size_;
    std::uint64_t offset_ = 0;
    std::string damage_;
};

/* What lies in the folder. */
struct SpoolScan {
    std::vector<std::string> segments;      /* names, oldest first */
    std::int64_t bytes = 0;                 /* damaged segments among them */
    std::int64_t unverified_bytes = 0;
    std::int64_t oldest = 0;                /* seconds since 1970; 0: no segment */
    std::string error;
};

SpoolScan scan_spool(const std::string &folder);

/* Locks the oldest segment that nobody has locked, but for the paths to be skipped; null
 * when there is none. */
std::unique_ptr<SegmentReader> open_oldest(const std::string &folder, SpoolScan &scan,
                                           const std::vector<std::string> &skipped);

}

#endif

/*
 * System calls of the spool, and in which order they make that nothing is lost: a file
 * is locked before anything is in it, its folder is synced before a record counts as
 * kept, and it is removed only by whoever has it locked.
 */

#include "ngx_module/spool_disk.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cinttypes>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

constexpr std::size_t piece_size = 1024 * 1024;
constexpr std::size_t most_pieces = IOV_MAX;
constexpr std::size_t time_digits = 16;

std::string failed(const std::string &what, const std::string &path)
{
    int error = errno;
    return "cannot " + what + " " + path + ": " + std::generic_category().message(error);
}

bool ends_with(std::string_view text, std::string_view end) noexcept
{
    return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

bool is_unverified(std::string_view path) noexcept
{
    return ends_with(path, ".u") || ends_with(path, ".u.damaged");
}

bool is_segment(std::string_view name) noexcept
{
    return name.size() > time_digits && name[time_digits] == '-'
           && (ends_with(name, ".v") || ends_with(name, ".u"))
           && name.find_first_not_of("0123456789abcdef") == time_digits;
}

bool write_all(int fd, std::vector<iovec> &pieces) noexcept
{
    std::size_t next = 0;
    while (next < pieces.size()) {
        std::size_t count = std::min(pieces.size() - next, most_pieces);
        ssize_t written = ::writev(fd, &pieces[next], static_cast<int>(count));
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        auto rest = static_cast<std::size_t>(written);
        while (next < pieces.size() && rest >= pieces[next].iov_len) {
            rest -= pieces[next].iov_len;
            next++;
        }
        if (rest > 0) {
            pieces[next].iov_base = static_cast<char *>(pieces[next].iov_base) + rest;
            pieces[next].iov_len -= rest;
        }
    }
    return true;
}

bool read_all(int fd, char *to, std::size_t size, std::uint64_t offset) noexcept
{
    while (size > 0) {
        ssize_t got = ::pread(fd, to, size, static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            errno = got == 0 ? EIO : errno;     // shorter than it was, though it is locked
            return false;
        }
        to += got;
        size -= static_cast<std::size_t>(got);
        offset += static_cast<std::uint64_t>(got);
    }
    return true;
}

iovec piece(std::string_view bytes) noexcept
{
    return {const_cast<char *>(bytes.data()), bytes.size()};
}

/* Exclusively and at once; false when somebody else has it, or has removed it before. */
bool lock(const File &file, struct stat &status) noexcept
{
    return ::flock(file.fd(), LOCK_EX | LOCK_NB) == 0 && ::fstat(file.fd(), &status) == 0
           && status.st_nlink > 0;
}

bool sync_folder(const std::string &folder) noexcept
{
    File file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return file.is_open() && ::fsync(file.fd()) == 0;
}

}

void File::close() noexcept
{
    if (fd_ >= 0) {
        ::close(std::exchange(fd_, -1));
    }
}

bool SpoolBudget::room_for(std::uint64_t bytes, std::uint64_t unverified_bytes) const noexcept
{
    auto fits = [](const std::atomic<std::int64_t> &there, std::uint64_t more, std::int64_t size) {
        return more <= static_cast<std::uint64_t>(size)
               && there.load(std::memory_order_relaxed) <= size - static_cast<std::int64_t>(more);
    };
    return fits(bytes_, bytes, size_)
           && (unverified_bytes == 0 || fits(unverified_bytes_, unverified_bytes, size_ / 10));
}

bool SpoolBudget::take(std::uint64_t bytes, bool unverified) noexcept
{
    auto more = static_cast<std::int64_t>(bytes);
    bool room = bytes_.fetch_add(more) + more <= size_;
    if (unverified) {
        room = unverified_bytes_.fetch_add(more) + more <= size_ / 10 && room;
    }
    if (!room) {
        add(-more, unverified);
    }
    return room;
}

void SpoolBudget::add(std::int64_t bytes, bool unverified) noexcept
{
    bytes_.fetch_add(bytes);
    if (unverified) {
        unverified_bytes_.fetch_add(bytes);
    }
}

std::uint64_t free_bytes(const std::string &folder, std::uint64_t keep_free) noexcept
{
    struct statvfs disk;
    if (::statvfs(folder.c_str(), &disk) != 0) {
        return 0;
    }
    std::uint64_t bytes = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
    return bytes > keep_free ? bytes - keep_free : 0;
}

/* ---- writing --------------------------------------------------------------------- */

std::string SegmentWriter::append(Records records)
{
    std::size_t from = 0;
    while (from < records.size()) {
        std::size_t to = from;
        std::size_t bytes = 0;
        std::size_t end = segment_.is_open() ? end_ : segment_header.size();
        for (; to < records.size(); to++) {
            std::size_t size = record_size(records[to]->meta, records[to]->body);
            // One that is larger than a segment has one for itself.
            if (end + bytes + size > largest_segment && end + bytes > segment_header.size()) {
                break;
            }
            bytes += size;
        }
        if (to == from) {
            seal();
            continue;
        }
        if (segment_.is_open() && !in_place()) {
            segment_.close();
        }
        std::string why = segment_.is_open() ? std::string() : create();
        if (why.empty()) {
            why = append_group(records, from, to, bytes);
        }
        if (!why.empty()) {
            return why;
        }
        from = to;
    }
    return {};
}

/* Whether the open segment is still the file of that name: what is written to one that
 * somebody has removed, or moved away with its folder, nobody would ever find. */
bool SegmentWriter::in_place() const noexcept
{
    struct stat open, named;
    return ::fstat(segment_.fd(), &open) == 0 && ::lstat(path_.c_str(), &named) == 0
           && open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

std::string SegmentWriter::create()
{
    using namespace std::chrono;
    // A reader may find the new file before it is locked, take it for one that was left
    // behind and remove it.
    constexpr int attempts = 10;
    for (int i = 0; i < attempts; i++) {
        auto now = duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
        char name[64];
        std::snprintf(name, sizeof(name), "%016" PRIx64 "-%ld-%u.%c",
                      static_cast<std::uint64_t>(now), static_cast<long>(::getpid()), made_++,
                      unverified_ ? 'u' : 'v');
        path_ = folder_ + "/" + name;
        File file(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600));
        if (!file.is_open()) {
            if (errno == EEXIST) {
                continue;
            }
            return failed("create", path_);
        }
        struct stat status;
        if (!lock(file, status)) {
            continue;
        }
        std::vector<iovec> pieces = {piece(segment_header)};
        if (!write_all(file.fd(), pieces) || !sync_folder(folder_)) {
            std::string why = failed("begin", path_);
            ::unlink(path_.c_str());
            return why;
        }
        segment_ = std::move(file);
        end_ = segment_header.size();
        budget_.add(static_cast<std::int64_t>(end_), unverified_);
        return {};
    }
    errno = EEXIST;
    return failed("create", path_);
}

/* Written and synced together: all of them are kept, or none. */
std::string SegmentWriter::append_group(Records records, std::size_t from, std::size_t to,
                                        std::size_t bytes)
{
    std::vector<RecordHeader> headers;
    std::vector<iovec> pieces;
    headers.reserve(to - from);
    pieces.reserve(3 * (to - from));
    for (std::size_t i = from; i < to; i++) {
        headers.push_back(record_header(records[i]->meta, records[i]->body));
        for (std::string_view part : {std::string_view(headers.back().data(), record_header_size),
                                      std::string_view(records[i]->meta),
                                      std::string_view(records[i]->body)})
        {
            if (!part.empty()) {
                pieces.push_back(piece(part));
            }
        }
    }
    if (free_bytes(folder_, keep_free_) < bytes) {
        return "the disk is full, but for what is to stay free";
    }
    if (!budget_.take(bytes, unverified_)) {
        return unverified_ ? "the share of unverified reports is full" : "the spool is full";
    }
    bool written = write_all(segment_.fd(), pieces);
    if (written && ::fdatasync(segment_.fd()) == 0) {
        end_ += bytes;
        for (std::size_t i = from; i < to; i++) {
            records[i]->kept = true;
        }
        return {};
    }
    std::string why = failed(written ? "sync" : "write", path_);
    budget_.add(-static_cast<std::int64_t>(bytes), unverified_);
    // Whoever sent these is told that they were refused: they should not be drained. After
    // a sync that failed nobody knows what is on the disk: this segment gets no more.
    bool cut = ::ftruncate(segment_.fd(), static_cast<off_t>(end_)) == 0;
    if (written || !cut) {
        seal();
    }
    return why;
}

void SegmentWriter::seal() noexcept
{
    if (segment_.is_open() && end_ == segment_header.size() && ::unlink(path_.c_str()) == 0) {
        budget_.add(-static_cast<std::int64_t>(end_), unverified_);
    }
    segment_.close();
}

/* ---- reading --------------------------------------------------------------------- */

void SegmentReader::read(Chunk &chunk)
{
    chunk.records.clear();
    chunk.bytes.clear();
    chunk.last = true;
    if (offset_ == 0 && !begins_well()) {
        return;
    }
    // More than a piece only for a record that is larger, and that is there.
    for (std::size_t size = piece_size; fill(chunk.bytes, size);) {
        RecordScanner scanner({chunk.bytes.data(), chunk.bytes.size()});
        RecordView record;
        RecordScanner::Found found;
        while ((found = scanner.next(record)) == RecordScanner::Found::record
               || found == RecordScanner::Found::damaged)
        {
            if (found == RecordScanner::Found::record) {
                chunk.records.push_back(record);
            } else {
                damage_ = "a damaged record was skipped";
            }
        }
        offset_ += scanner.used();
        if (found == RecordScanner::Found::broken) {
            // Zeros are what a power cut leaves of writes that nobody was told of.
            if (!only_zeros()) {
                damage_ = "there is no record at byte " + std::to_string(offset_);
            }
            return;
        }
        if (offset_ + scanner.needed() > size_) {
            return;                             // the end, or torn off
        }
        if (scanner.used() > 0) {
            chunk.last = false;
            return;
        }
        size = scanner.needed();
    }
}

bool SegmentReader::begins_well()
{
    std::vector<char> bytes;
    if (!fill(bytes, segment_header.size())) {
        return false;
    }
    std::string_view begin(bytes.data(), bytes.size());
    if (begin == segment_header) {
        offset_ = begin.size();
        return true;
    }
    // Nothing was kept in it when the header is torn off.
    if (begin != segment_header.substr(0, begin.size()) && !only_zeros()) {
        damage_ = "it is no segment of this version";
    }
    return false;
}

/* False: it cannot be read. Fewer bytes at the end. */
bool SegmentReader::fill(std::vector<char> &bytes, std::size_t size)
{
    bytes.resize(static_cast<std::size_t>(std::min<std::uint64_t>(size, size_ - offset_)));
    if (read_all(file_.fd(), bytes.data(), bytes.size(), offset_)) {
        return true;
    }
    damage_ = failed("read", path_);
    return false;
}

bool SegmentReader::only_zeros()
{
    std::vector<char> bytes;
    for (std::uint64_t at = offset_; at < size_; at += bytes.size()) {
        bytes.resize(static_cast<std::size_t>(std::min<std::uint64_t>(piece_size, size_ - at)));
        if (!read_all(file_.fd(), bytes.data(), bytes.size(), at)
            || std::any_of(bytes.begin(), bytes.end(), [](char c) { return c != 0; }))
        {
            return false;
        }
    }
    return true;
}

std::string SegmentReader::finish(SpoolBudget &budget)
{
    std::string why;
    if (!damage_.empty()) {
        if (::rename(path_.c_str(), (path_ + ".damaged").c_str()) != 0) {
            why = failed("rename", path_);
        }
    } else if (::unlink(path_.c_str()) == 0) {
        budget.add(-static_cast<std::int64_t>(size_), is_unverified(path_));
    } else if (errno != ENOENT) {
        why = failed("remove", path_);
    }
    file_.close();
    return why;
}

/* ---- the folder ------------------------------------------------------------------ */

SpoolScan scan_spool(const std::string &folder)
{
    SpoolScan scan;
    std::unique_ptr<DIR, int (*)(DIR *)> dir(::opendir(folder.c_str()), ::closedir);
    if (!dir) {
        scan.error = failed("open", folder);
        return scan;
    }
    while (const dirent *entry = ::readdir(dir.get())) {
        std::string name = entry->d_name;
        bool segment = is_segment(name);
        if (!segment && !ends_with(name, ".damaged")) {
            continue;
        }
        struct stat status;
        if (::fstatat(::dirfd(dir.get()), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0
            || !S_ISREG(status.st_mode))
        {
            continue;
        }
        scan.bytes += status.st_size;
        scan.unverified_bytes += is_unverified(name) ? status.st_size : 0;
        if (segment) {
            scan.segments.push_back(std::move(name));
        }
    }
    std::sort(scan.segments.begin(), scan.segments.end());
    if (!scan.segments.empty()) {
        std::string time = scan.segments.front().substr(0, time_digits);
        scan.oldest = static_cast<std::int64_t>(std::strtoull(time.c_str(), nullptr, 16) / 1000000);
    }
    return scan;
}

std::unique_ptr<SegmentReader> open_oldest(const std::string &folder, SpoolScan &scan,
                                           const std::vector<std::string> &skipped)
{
    for (const std::string &name : scan.segments) {
        std::string path = std::string(folder).append("/").append(name);
        if (std::find(skipped.begin(), skipped.end(), path) != skipped.end()) {
            continue;
        }
        File file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
        if (!file.is_open()) {
            if (errno != ENOENT) {
                scan.error = failed("open", path);
            }
            continue;
        }
        struct stat status;
        if (lock(file, status)) {
            auto size = static_cast<std::uint64_t>(status.st_size);
            return std::make_unique<SegmentReader>(std::move(path), std::move(file), size);
        }
    }
    return nullptr;
}

}

#include "worker/admin_doctor_findings.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>

namespace errtrack {
namespace {

/* For as long reports are there between the edge's turns at the spool. */
constexpr std::int64_t usual_seconds = 60;

/* Names of segments begin with microseconds since 1970, in as many hexadecimal digits: see
 * ngx_module/spool_disk.hpp. Files of the edge beside them have other names. */
constexpr std::size_t time_digits = 16;

struct Spool {
    unsigned segments = 0;
    unsigned damaged = 0;
    std::uintmax_t bytes = 0;
    std::int64_t oldest = 0;            /* seconds since 1970; 0: there is none */
};

Spool look_into(const std::string &folder)
{
    Spool spool;
    for (const auto &entry : std::filesystem::directory_iterator(folder)) {
        const std::string name = entry.path().filename();
        if (name.ends_with(".damaged")) {
            spool.damaged++;
            continue;
        }
        if (!name.ends_with(".v") && !name.ends_with(".u")) {
            continue;
        }
        // The edge may have removed it meanwhile.
        std::error_code gone;
        const std::uintmax_t size = entry.file_size(gone);
        if (gone || size == 0) {
            continue;
        }
        spool.segments++;
        spool.bytes += size;
        if (name.find_first_not_of("0123456789abcdef") == time_digits) {
            const std::int64_t made = static_cast<std::int64_t>(std::stoull(name.substr(0, time_digits), nullptr, 16) / 1'000'000);
            spool.oldest = spool.oldest == 0 || made < spool.oldest ? made : spool.oldest;
        }
    }
    return spool;
}

}

void look_at_spool(Findings &findings, const std::string &folder)
{
    if (folder.empty()) {
        return;
    }
    Spool spool;
    try {
        spool = look_into(folder);
    } catch (const std::filesystem::filesystem_error &e) {
        findings.push_back({"failing", "spool", "cannot look into " + folder + ": " + e.code().message(),
                            "name the folder of errtrack_spool, as somebody who may read it"});
        return;
    }
    if (spool.damaged > 0) {
        findings.push_back({"warning", "spool", std::to_string(spool.damaged) + " files in " + folder + " cannot be read",
                            "see what the error log of nginx says of them, and remove them"});
    }
    const std::int64_t now = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::system_clock::now().time_since_epoch()).count();
    const std::int64_t age = spool.oldest == 0 ? 0 : now - spool.oldest;
    if (age > usual_seconds) {
        findings.push_back({"warning", "spool", std::to_string(spool.bytes) + " bytes have waited for "
                            + std::to_string(age) + " s in " + folder,
                            "see whether nginx reaches Redis, whether the queue is full, and what its error log says"});
    } else if (spool.damaged == 0) {
        findings.push_back({"ok", "spool", spool.bytes == 0 ? "nothing waits in " + folder
                            : std::to_string(spool.bytes) + " bytes wait in " + folder, ""});
    }
}

}

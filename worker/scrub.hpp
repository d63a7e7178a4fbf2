/*
 * Takes secrets out of what clients send before anything else is done with it, so that
 * neither groups nor explanations nor stored bodies nor the rows of other items hold them.
 * What a project wants scrubbed is compiled once into a Scrubber.
 */

#ifndef ERRTRACK_WORKER_SCRUB_HPP
#define ERRTRACK_WORKER_SCRUB_HPP

#include "worker/json.hpp"
#include "worker/secrets.hpp"

namespace errtrack {

struct ScrubOptions {
    bool secrets = true;
    bool addresses = false;                 /* of people, where events have them */
    std::vector<std::string> keys;          /* further words of secret names */
    std::vector<std::string> exempt;        /* names whose values stay */
};

class Scrubber {
public:
    explicit Scrubber(const ScrubOptions &options = {});

    bool removes_addresses() const { return addresses_; }

    /*
     * Replaces strings and numbers in the document: those under secret names, and in lists
     * of pairs behind them, by "[Filtered]"; in other strings the passages that are
     * secrets. The rest of the text stays byte for byte. What lies under modules and
     * _meta is about packages and members elsewhere, and only loses addresses.
     */
    void scrub(Json &document) const;

    /* The same of those values alone, none within another: of an item whose other members
     * are not stored, and may be ids that look like secrets. Names above a value count. */
    void scrub(Json &document, std::vector<JsonValue> parts) const;

    /* A text that stands under no name. */
    std::string scrub(std::string_view text) const;

private:
    SecretNames names_;
    SecretNames address_names_;
    bool secrets_;
    bool addresses_;
};

}

#endif

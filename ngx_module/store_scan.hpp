/*
 * The body of the store endpoint: the JSON of one event, or what old clients make of
 * it: base64 of that, base64 of it deflated, or either in the parameter sentry_data of
 * a form. The body tells itself which, whatever its Content-Type.
 */

#ifndef ERRTRACK_NGX_MODULE_STORE_SCAN_HPP
#define ERRTRACK_NGX_MODULE_STORE_SCAN_HPP

#include "ngx_module/decode.hpp"
#include "ngx_module/inflate.hpp"
#include "ngx_module/json_scan.hpp"
#include "ngx_module/scan.hpp"

#include <optional>

namespace errtrack __attribute__((visibility("hidden"))) {

class StoreScanner final : public Scanner {
public:
    explicit StoreScanner(const ScanLimits &limits)
        : Scanner(limits), json_(JsonScan::Top::object) {}

private:
    /* What a layer of wrapping holds; start: not enough has been seen to tell. */
    enum class Kind { start, json, form, base64, deflated };

    Fault scan(std::string_view bytes) override;
    Fault end() override;

    Fault begin(std::string_view beginning);
    Fault take_form(std::string_view bytes);
    Fault take_value(std::string_view bytes);
    Fault take_base64(std::string_view bytes);
    Fault take_decoded(std::string_view bytes);
    Fault take_json(std::string_view bytes);

    Kind body_ = Kind::start;
    Kind value_ = Kind::start;      /* of the form */
    Kind decoded_ = Kind::start;    /* of base64 */
    std::string beginning_;         /* of a body that does not begin with a brace */
    unsigned marks_ = 0;            /* bytes of a byte order mark */
    bool blank_seen_ = false;
    FormDecoder form_;
    Base64Decoder base64_;
    std::optional<Inflater> inflater_;
    std::size_t json_bytes_ = 0;
    JsonScan json_;
};

}

#endif

"""Do our rules for national numbers agree with python-stdnum?

    pip install python-stdnum      (LGPL; only for this comparison)
    python -m bench.personal_oracle [--seed 1] [--each 300]

Draws numbers that our rules accept and the same with one digit changed, asks the other library about both, and prints where it says something else.
Not all differences are faults: some rules here are stricter on purpose (no void specimens, a day that exists), and the script names them.
"""

from __future__ import annotations

import argparse
import importlib
import random

from bench.personal_values import BY_KIND, TEMPLATES, accepts, fill, wrong

MODULES = {
    "de_tax_id": "de.idnr", "es_dni": "es.dni", "fr_nir": "fr.nir", "it_codice_fiscale": "it.codicefiscale", "pl_pesel": "pl.pesel", "se_personnummer": "se.personnummer", "fi_hetu": "fi.hetu",
    "dk_cpr": "dk.cpr", "no_fodselsnummer": "no.fodselsnummer", "is_kennitala": "is_.kennitala", "be_rijksregister": "be.nn", "nl_bsn": "nl.bsn", "pt_nif": "pt.nif", "gb_nhs": "gb.nhs", "ie_pps": "ie.pps",
    "at_svnr": "at.vnr", "ch_ahv": "ch.ssn", "cz_sk_birth_number": "cz.rc", "ro_cnp": "ro.cnp", "bg_egn": "bg.egn", "hr_oib": "hr.oib", "ee_isikukood": "ee.ik", "lt_asmens_kodas": "lt.asmens",
    "lv_personas_kods": "lv.pvn", "gr_amka": "gr.amka", "jmbg": "rs.jmbg", "tr_kimlik": "tr.tckimlik", "ua_rnokpp": "ua.rntrc", "ru_inn": "ru.inn", "us_ssn": "us.ssn", "ca_sin": "ca.sin",
    "br_cpf": "br.cpf", "br_cnpj": "br.cnpj", "ar_cuit": "ar.cuit", "cl_rut": "cl.rut", "mx_curp": "mx.curp", "mx_rfc": "mx.rfc", "ec_cedula": "ec.ci", "in_aadhaar": "in_.aadhaar", "in_pan": "in_.pan",
    "cn_resident_id": "cn.ric", "jp_my_number": "jp.in_", "kr_rrn": "kr.rrn", "th_id": "th.pin", "il_teudat_zehut": "il.idnr", "za_id": "za.idnr", "au_tfn": "au.tfn", "nz_ird": "nz.ird",
}  # fmt: skip
STRICTER = {"us_ssn", "kr_rrn", "za_id", "lv_personas_kods", "br_cnpj", "mx_curp", "cn_resident_id"}


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=300)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    for kind, rule in BY_KIND.items():
        if kind not in MODULES:
            print(f"{kind:22} is not in python-stdnum")
            continue
        try:
            other = importlib.import_module(f"stdnum.{MODULES[kind]}")
        except ImportError:
            print(f"{kind:22} {MODULES[kind]} is not in this version of python-stdnum")
            continue
        right = [fill(TEMPLATES.get(kind, "#"), rng, rule) for _ in range(options.each)]
        changed = [bad for number in right if (bad := wrong(number, lambda n, rule=rule: accepts(rule, n), rng))]
        refused = [n for n in right if not other.is_valid(n)]
        passed = [n for n in changed if other.is_valid(n)]
        verdict = (
            "agrees"
            if not refused and not passed
            else f"refuses {len(refused)} of {len(right)} that we accept {refused[:2]}, accepts {len(passed)} of {len(changed)} that we refuse {passed[:2]}"
        )
        print(f"{kind:22} {verdict}{' (we are stricter on purpose)' if kind in STRICTER and passed else ''}")


if __name__ == "__main__":
    main()

#!/bin/sh
# Stands in for sendmail(8) on a demo host: what it prints comes from the host's own files.
etc=$MAILTUI_DEMO_HOST/etc/mail
run=$MAILTUI_DEMO_HOST/run/sendmail
mode=
submit=
debug=
match=
verbose=
quarantine=
for word do
    case $word in
        -bp | -bP | -bt | -bv | -bH | -bD | -bd | -bs) mode=${word#-b} ;;
        -Ac) submit=1 ;;
        -v) verbose=1 ;;
        -Q*) quarantine=1 ;;
        -d*) debug=$word ;;
        -q[IRSQL]* | -q![IRS]* | -q) match=$word ;;
    esac
done
selected=$etc/sendmail.cf
pid=$run/sendmail.pid
[ -z "$submit" ] || { selected=$etc/submit.cf pid=$run/msp.pid; }

banner() {
    echo 'Version 8.17.1.9
 Compiled with: DNSMAP IPV6_FULL LDAPMAP LDAP_NETWORK_TIMEOUT
		LDAP_REFERRALS LOG MAP_REGEX MATCHGECOS MAXDAEMONS=64 MILTER
		MIME7TO8 MIME8TO7 NAMED_BIND NETINET NETINET6 NETUNIX NEWDB=5.3
		NIS NISPLUS PIPELINING SASLv2 SCANF SOCKETMAP STARTTLS
		TCPWRAPPERS TLS_EC TLS_VRFY_PER_CTX USERDB USE_LDAP_INIT XDEBUG'
    case $debug in
        -d0.1) ;;
        *)
            echo "    OS Defines: ADDRCONFIG_IS_BROKEN HASFCHOWN HASFCHMOD HASFLOCK
		HASGETDTABLESIZE HAS_GETHOSTBYNAME2 HASGETUSERSHELL
		HASINITGROUPS HASLSTAT HASNICE HASRANDOM HASRRESVPORT
		HASSETREGID HASSETREUID HASSETRLIMIT HASSETSID HASSETVBUF
		HASURANDOMDEV HASSTRERROR HASUNAME HASUNSETENV HASWAITPID
		IDENTPROTO IP_SRCROUTE NEEDSGETIPNODE REQUIRES_DIR_FSYNC
		SFS_VFS USE_DOUBLE_FORK USE_SIGLONGJMP USESETEUID
Kernel symbols:	/boot/vmlinux
     Conf file:	$etc/submit.cf (default for MSP)
     Conf file:	$etc/sendmail.cf (default for MTA)
      Pid file:	$run/sendmail.pid (default)
Canonical name: $MAILTUI_DEMO_NAME.example.net
 UUCP nodename: $MAILTUI_DEMO_NAME.example.net
	a.k.a.: [127.0.0.1]
     Conf file:	$selected (selected)
      Pid file:	$pid (selected)"
            ;;
    esac
    echo "
============ SYSTEM IDENTITY (after readcf) ============
      (short domain name) \$w = $MAILTUI_DEMO_NAME
  (canonical domain name) \$j = $MAILTUI_DEMO_NAME.example.net
         (subdomain name) \$m = example.net
              (node name) \$k = $MAILTUI_DEMO_NAME.example.net
========================================================
"
}

[ -z "$debug" ] || banner
case $mode in
    p) exec "$MAILTUI_DEMO_PYTHON" -IS "$MAILTUI_DEMO_LIB/listing.py" "$selected" "${verbose:-0}" "$match" ;;
    P) echo 'Data unavailable: shared memory not updated' ;;
    t) printf 'ADDRESS TEST MODE (ruleset 3 NOT automatically invoked)\nEnter <ruleset> <address>\n> \n' ;;
    v | H) ;;
    *)
        if [ -n "$match$quarantine" ]; then
            exec "$MAILTUI_DEMO_PYTHON" -IS "$MAILTUI_DEMO_LIB/acting.py" "$selected" "$@"
        fi
        echo 'This sendmail is a stand-in: it sends nothing.' >&2
        exit 69
        ;;
esac

payload = OrderedDict()
payload["nonce"] = "bm9uY2U="
payload["policyId"] = "326f2049-56ab-474f-a1c0-516de230****"

params = OrderedDict()
params["appid"] = appid
params["payload"] = urllib.parse.unquote_plus(urllib.parse.urlencode(payload))
params["timestamp"] = str(int(time.time() * 1000))

sign_string = urllib.parse.unquote_plus(urllib.parse.urlencode(params))
sign = str(base64.b64encode(hmac.new(appkey.encode('utf-8'), sign_string.encode('utf-8'), digestmod=sha256).digest()),'utf-8').upper()

params["payload"] = payload
params["sign"] = sign

requests.post(url="<ehsm_srv_address>/ehsm?Action=DisableKey", data=json.dumps(params), headers=headers)
